"""Measuring two things side by side, so that a noisy machine disturbs both alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Figure", "compare", "rates", "seconds"]

REPEATS = 7


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        name: what is measured, over what.
        bar: the value it is held to.
        values: (repeats,) measured ratios, or megabytes.
        at_least: whether more is better; else the bar is an upper one.
        note: absolute figures, for orientation.
    """

    name: str
    bar: float
    values: Sequence[float]
    at_least: bool = True
    note: str = ""

    @property
    def median(self) -> float:
        """The median, which is held to the bar."""
        return float(np.median(self.values))

    @property
    def met(self) -> bool:
        """Whether the bar is met."""
        return self.median >= self.bar if self.at_least else self.median <= self.bar


def seconds(action: Callable[[], object]) -> float:
    """Return how long `action` takes, s."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def compare(
    ours: Callable[[], float], theirs: Callable[[], float], repeats: int = REPEATS
) -> tuple[list[float], list[float], list[float]]:
    """Measure two rates in turn, each once unmeasured first.

    Returns:
        Ratios ours / theirs of each pair, and both rates, (repeats,) each.
    """
    ours(), theirs()
    pairs = []
    for index in range(repeats):  # turns are swapped, so that a drift of the machine favours neither
        if index % 2:
            second = theirs()
            pairs.append((ours(), second))
        else:
            pairs.append((ours(), theirs()))
    return [a / b for a, b in pairs], [a for a, _ in pairs], [b for _, b in pairs]


def rates(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Return the medians of two rates as a note."""
    return f"{np.median(ours) / 1e3:.1f}k / {np.median(theirs) / 1e3:.1f}k env-steps/s"
