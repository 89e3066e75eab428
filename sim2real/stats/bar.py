"""A bar and the cells behind it, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .groups import Group

__all__ = ["Bar", "Evidence", "counted", "first_reason", "in_every", "judged", "unjudged"]


@dataclass(frozen=True)
class Evidence:
    """One cell behind a bar: where, whether it is as the bar wants (None: not judged), figures by name, and why not."""

    env: str
    target: str
    met: bool | None
    figures: Mapping[str, float]
    reason: str = ""


@dataclass(frozen=True)
class Bar:
    """One bar: what it wants in words, whether it is met (None: not judged), the figure and its limit.

    `kind` says how the figure is written; `reason` why it is not judged, or what the figure rests on; `low` and `high`
    are the 95 % interval of the figure where it has one, else NaN.
    """

    name: str
    wants: str
    met: bool | None
    figure: float
    limit: float
    kind: Literal["share", "probability", "ratio"]
    reason: str
    evidence: tuple[Evidence, ...]
    low: float = math.nan
    high: float = math.nan


def judged(group: Group, met: bool, figures: Mapping[str, float]) -> Evidence:
    """Evidence of a cell that is, or is not, as a bar wants."""
    return Evidence(group.frame.env, group.frame.target, met, figures)


def unjudged(group: Group, reason: str, figures: Mapping[str, float] | None = None) -> Evidence:
    """Evidence of a cell that a bar does not judge, and why."""
    return Evidence(group.frame.env, group.frame.target, None, figures or {}, reason)


def in_every(evidence: Sequence[Evidence]) -> bool | None:
    """Whether every cell is as wanted: one that is not decides, one that is not judged leaves it open."""
    if any(e.met is False for e in evidence):
        return False
    return None if any(e.met is None for e in evidence) or not evidence else True


def counted(evidence: Sequence[Evidence]) -> str:
    """How many cells a bar judges, `7 of 9 judged`, or why none."""
    num = sum(e.met is not None for e in evidence)
    if not num:
        return f"no cell judged: {first_reason(evidence)}"
    return f"{num} of {len(evidence)} judged"


def first_reason(evidence: Sequence[Evidence]) -> str:
    """Why the first cell that is not judged is not."""
    return next((e.reason for e in evidence if e.reason), "no cell")
