"""The verdict cards: one per target, the same place and size whatever the verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..stats import REFERENCE, Cell, Group, Summary
from .style.numbers import MISSING, between, compute_decimals, number, percent
from .style.wording import TONES, leading_verdict, name_target, seeds
from .view import SIGNS, make_time

__all__ = ["Card", "make_cards"]


@dataclass(frozen=True)
class Card:
    """The verdict on one target. `low`, `high`, `point` are positions in % on the card's bar, whose middle
    is zero.
    """

    target: str
    word: str
    tone: str
    sign: str
    effect: str
    interval: str
    share: str
    seeds: str
    reason: str
    facts: tuple[tuple[str, ...], ...]
    bar: tuple[float, float, float] | None


def _position(value: float, reach: float) -> float:
    return round(50.0 + 48.0 * max(-1.0, min(1.0, value / reach)), 2)


def make_cards(summary: Summary) -> tuple[Card, ...]:
    """One card per target about the leading method; the bars of all cards share one scale where a span is
    known.
    """
    shares = [
        g.cells[summary.leading].quantities["effect"]
        for g in summary.groups
        if summary.leading in g.cells and "effect" in g.cells[summary.leading].quantities
    ]
    ends = [abs(end) for share in shares for end in (share.point, share.low, share.high) if math.isfinite(end)]
    return tuple(_card(summary, group, max(ends, default=1.0) or 1.0) for group in summary.groups)


def _card(summary: Summary, group: Group, reach: float) -> Card:
    verdict, cell = leading_verdict(summary, group), group.cells.get(summary.leading)
    tone = TONES[verdict.word]
    gain = cell.quantities.get("auc_difference") if cell else None
    share = cell.quantities.get("effect") if cell else None
    decimals = compute_decimals((gain.point, gain.low, gain.high)) if gain else 0
    bar = None
    if share is not None:
        low, high = (share.low, share.high) if share.known else (share.point, share.point)
        bar = (_position(low, reach), _position(high, reach), _position(share.point, reach))
    return Card(
        target=name_target(group),
        word=verdict.word.value,
        tone=tone,
        sign=SIGNS.get(tone, ""),
        effect=number(gain.point, decimals, signed=True) if gain else MISSING,
        interval=between(gain, decimals, signed=True) if gain else "",
        share=f"{percent(share.point, signed=True)} of the span" if share else "",
        seeds=seeds(verdict.num_runs),
        reason=verdict.reason,
        facts=_facts(group, cell, group.cells.get(REFERENCE)),
        bar=bar,
    )


def _facts(group: Group, cell: Cell | None, reference: Cell | None) -> tuple[tuple[str, ...], ...]:
    """Jumpstart and time to threshold of the leading method, and whether they are clear of scratch."""
    if cell is None or reference is None:
        return ()
    words = {True: "ahead, intervals apart", False: "not ahead, or intervals touch", None: "too few seeds to say"}
    by_time = {True: "ahead", False: "not ahead, or not clearly", None: words[None]}
    facts: list[tuple[str, ...]] = []
    jump = cell.quantities.get("jumpstart")
    if jump is not None:
        decimals = compute_decimals((jump.point, jump.low, jump.high))
        text = f"{number(jump.point, decimals, signed=True)} {between(jump, decimals, signed=True)}"
        facts.append(("Jumpstart", text, words[group.headline.jumpstart]))
    if cell.times is not None and reference.times is not None:
        own, other = make_time(cell.times), make_time(reference.times)
        texts = [" ".join(part for part in (value.text, value.note) if part) for value in (own, other)]
        word = by_time[group.headline.time_to_threshold]
        facts.append(("Steps to threshold", texts[0], f"{REFERENCE} {texts[1]}", word))
    return tuple(facts)
