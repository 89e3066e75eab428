"""What the default method is held to, as texts: the bars, and below them every cell behind them."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..stats import Bar, Evidence, Interval, Summary
from .style.numbers import MISSING, between, count, number, percent
from .view import SIGNS, Table, Value

__all__ = ["make_bars", "make_evidence"]

_OUTCOMES = {True: "met", False: "missed", None: "not judged"}
_TONES = {True: "positive", False: "negative", None: ""}


def make_bars(summary: Summary) -> Table | None:
    """A row per bar: what it wants, whether it is met, figure and limit; None where the default method has no job."""
    if not summary.bars:
        return None
    rows = tuple((bar.wants, (_outcome(bar.met), _figure(bar), _limit(bar))) for bar in summary.bars)
    line = f"{summary.default_method}. The bars were fixed before any run; the outcomes are what came of them."
    return Table("What the default method is held to", ("Outcome", "Figure", "Limit"), rows, line)


def _outcome(met: bool | None) -> Value:
    word, tone = _OUTCOMES[met], _TONES[met]
    return Value(f"{SIGNS[tone]} {word}" if tone else word, tone=tone)


def _write(bar: Bar, value: float) -> str:
    return percent(value) if bar.kind == "share" else number(value, 2)


def _figure(bar: Bar) -> Value:
    interval = between(Interval(bar.figure, bar.low, bar.high, 0), 2) if math.isfinite(bar.low) else ""
    return Value(_write(bar, bar.figure), interval, bar.reason)


def _limit(bar: Bar) -> Value:
    return Value(f"{'at least' if bar.name == 'near_oracle' else 'at most'} {_write(bar, bar.limit)}")


def make_evidence(summary: Summary) -> Table | None:
    """A row per cell, a column per bar: what the bar saw there; None without bars."""
    if not summary.bars:
        return None
    columns = tuple(_HEADS[bar.name] for bar in summary.bars)
    rows = []
    for i, group in enumerate(summary.groups):
        values = tuple(_seen(bar, bar.evidence[i], summary.default_method) for bar in summary.bars)
        rows.append((f"{group.frame.env} \N{RIGHTWARDS ARROW} {group.frame.target}", values))
    return Table("The cells behind the bars", columns, tuple(rows))


_HEADS = {
    "never_beaten": "P(scratch better)",
    "near_oracle": "Median steps to 95 % of the oracle, share of the oracle's",
    "small_dip": "Dip",
    "warm_up_pays": "Steps to 95 % of the oracle",
}


def _seen(bar: Bar, evidence: Evidence, method: str) -> Value:
    if not evidence.figures:
        return Value(MISSING, "", evidence.reason)
    value = _WRITERS[bar.name](evidence, method)
    note = "; ".join(filter(None, (value.note, evidence.reason)))
    return Value(value.text, value.interval, note, "negative" if evidence.met is False else "")


def _chance(evidence: Evidence, method: str) -> Value:
    return Value(number(next(iter(evidence.figures.values())), 2))


def _steps(evidence: Evidence, method: str) -> Value:
    share, arrived = evidence.figures["share of the oracle's steps"], evidence.figures["runs there"]
    note = f"{percent(arrived)} of the runs get there, {percent(evidence.figures['runs that end there'])} end there"
    return Value(percent(share, 1) if math.isfinite(share) else "> budget", "", note)


def _dips(evidence: Evidence, method: str) -> Value:
    own = evidence.figures.get(method, math.nan)
    others = [f"{name} {percent(dip)}" for name, dip in evidence.figures.items() if name != method]
    return Value(percent(own), "", ", ".join(others))


def _ratios(evidence: Evidence, method: str) -> Value:
    others = [f"{name} {count(v)}" for name, v in evidence.figures.items() if name not in (method, "ratio")]
    return Value(count(evidence.figures[method]), "", ", ".join(others))


_WRITERS: dict[str, Callable[[Evidence, str], Value]] = {
    "never_beaten": _chance,
    "near_oracle": _steps,
    "small_dip": _dips,
    "warm_up_pays": _ratios,
}
