"""The tables of `sim2real advise`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from ..stats import Interval
from .advice import Advice
from .blocks import Pair
from .signals import SIGNALS

__all__ = ["advice_tables"]

_SHOWN = 3  # entries of an observation: those that rise most


def advice_tables(advice: Advice) -> list[Table]:
    """Return measures, layers, signals, the rules that hold, the parts to freeze, and the methods in order."""
    return [make(advice) for make in (_measures, _layers, _signals, _rules, _parts, _methods)]


def _table(title: str, *columns: str) -> Table:
    """Return an empty table whose first and last columns stand left and whose others right."""
    table = Table(title=Text(title), title_justify="left", title_style="bold", box=SIMPLE, pad_edge=False)
    for i, name in enumerate(columns):
        table.add_column(name, justify="left" if i in (0, len(columns) - 1) else "right")
    return table


def _measures(advice: Advice) -> Table:
    title = (
        f"{advice.run} on {advice.target}: {advice.target_steps:,} target steps, {advice.source_steps:,} source steps, "
        f"{advice.num_envs} worlds each"
    )
    table, measures = _table(title, "measure", "source", "target", "unit"), advice.measures
    table.add_row("return [95 %]", _interval(measures.returns.source), _interval(measures.returns.target), "reward")
    table.add_row("return lost [95 %]", "", _interval(measures.returns.lost), "reward")
    for name, pairs, unit in (
        ("|z| of", measures.inputs, "sd"),
        ("reading error of", measures.readings, "one-step changes"),
        ("model error of", measures.model, "one-step changes"),
    ):
        for entry, pair in _largest(pairs):
            table.add_row(Text(f"{name} {entry}"), *_both(pair), unit)
    for name, pair, unit in _single(advice):
        table.add_row(name, *_both(pair), unit)
    return table


def _single(advice: Advice) -> Iterable[tuple[str, Pair, str]]:
    measures, sd = advice.measures, "sd of returns"
    explained = "; ".join(filter(None, (sd, advice.value_note)))
    return (
        ("value - return, mean", measures.value_bias, explained),
        ("value - return, rms", measures.value_rms, explained),
        ("explained variance", measures.explained_variance, ""),
        ("actions at their bounds", measures.saturation, "share"),
    )


def _largest(pairs: Mapping[str, Pair]) -> list[tuple[str, Pair]]:
    return sorted(pairs.items(), key=lambda item: -item[1].rise)[:_SHOWN]


def _layers(advice: Advice) -> Table:
    columns = ("layer", "width", "CKA source", "target", "dormant source", "target", "rank source", "target", "")
    table = _table("layers", *columns)
    for name, layer in advice.measures.layers.items():
        dormant = (f"{share:.0%}" for share in layer.dormant)
        ranks = (f"{rank:.0f}" for rank in layer.rank)
        table.add_row(Text(name), f"{layer.width}", *(f"{cka:.3f}" for cka in layer.cka), *dormant, *ranks, "")
    return table


def _signals(advice: Advice) -> Table:
    table = _table("signals", "signal", "value", "95 %", "where", "what it is")
    for name, reading in advice.readings.items():
        ends = (math.nan if end is None else end for end in (reading.low, reading.high))
        between = Text(f"[{', '.join(map(_number, ends))}]")
        table.add_row(name, _number(reading.value), between, Text(reading.where), SIGNALS[name].description)
    return table


def _rules(advice: Advice) -> Table:
    table = _table("rules that hold", "rule", "why")
    for name, reason in advice.reasons.items():
        table.add_row(name, Text(reason))
    for name, reason in advice.open_rules.items():
        table.add_row(f"({name})", Text(f"not counted, its interval allows for less; more steps may decide: {reason}"))
    return table


def _parts(advice: Advice) -> Table:
    table = _table("parts", "part", "advice", "because of")
    for row in advice.parts:
        style = "green" if row.action == "freeze" else "yellow"
        table.add_row(
            Text(row.part), Text(row.action, style=style), ", ".join(row.rules) or "nothing that speaks for it"
        )
    return table


def _methods(advice: Advice) -> Table:
    table = _table("methods, the one to try first on top", "method", "score", "for", "against")
    for place, row in enumerate(advice.methods):
        style = "bold green" if place == 0 else None
        table.add_row(row.method, f"{row.score:+.2f}", ", ".join(row.pros), ", ".join(row.cons), style=style)
    return table


def _both(pair: Pair) -> tuple[str, str]:
    return _number(pair.source), _number(pair.target)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3g}"


def _interval(value: Interval) -> str:
    if not math.isfinite(value.point):
        return "-"
    return f"{value.point:.1f} [{value.low:.1f}, {value.high:.1f}]" if value.known else f"{value.point:.1f}"
