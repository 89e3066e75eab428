"""Differences: what a signal is in terms of the one that was expected, where they are not equal bit for bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .pairs.signals import Mask
from .pairs.verdict import Quantity

__all__ = ["NOT_NAMED", "differs", "explain_difference"]

Array = NDArray[np.float64]
NOT_NAMED = "nothing in the domain names it"
_LONGEST_DELAY = 8
_EXACT = 1e-9  # relative: a gain or an offset that somebody applies is a rounding off the exact one
_ROUNDING = 1e-12


def differs(found: Array, expected: Array) -> Mask:
    """Return where two signals of one shape differ in any bit; two NaN are equal."""
    unequal: Mask = (found != expected) & ~(np.isnan(found) & np.isnan(expected))
    return unequal


def explain_difference(
    signal: str, found: Array, expected: Array, judged: Mask, names: Sequence[str]
) -> Quantity | None:
    """Return how the entry furthest from what was expected differs; None if all are equal.

    Args:
        signal: what it is, such as `observation`.
        found: (num_steps, num_worlds, dim)
        expected: of the same shape.
        judged: of the same shape, where they should be equal.
        names: of the entries, (dim,).
    """
    unequal: Mask = np.asarray(differs(found, expected) & judged)
    entries = np.flatnonzero(unequal.any(axis=(0, 1)))
    if not len(entries):
        return None
    size = np.abs(np.where(unequal, found - expected, 0.0)).max(axis=(0, 1))
    scale = np.abs(np.where(judged, expected, 0.0)).max(axis=(0, 1)) + 1e-9
    entry = int(entries[np.argmax((size / scale)[entries])])
    kind, intended, measured, how = _kind(found, expected, judged, entry, names)
    several = f", {len(entries)} of {len(names)} entries" if len(names) > 1 else ""
    place = f"[{names[entry]}]" if len(names) > 1 or names[entry] else ""
    hint = f"{NOT_NAMED}{several}{_when(unequal[:, :, entry], judged[:, :, entry])}"
    tolerance = _ROUNDING * max(1.0, abs(intended))
    return Quantity(f"undeclared {kind} of {signal}{place}", intended, intended, measured, tolerance, how, hint)


def _when(unequal: Mask, judged: Mask) -> str:
    """Return in which steps (num_steps, num_worlds) differ, where it is the first alone, or all but that."""
    steps = np.asarray(unequal.any(axis=1))[judged.any(axis=1)]
    if len(steps) > 1 and steps[0] and not steps[1:].any():
        return ", at the start of an episode alone"
    return ", but not at the start of an episode" if len(steps) > 1 and not steps[0] and steps[1:].all() else ""


def _kind(
    found: Array, expected: Array, judged: Mask, entry: int, names: Sequence[str]
) -> tuple[str, float, float, str]:
    """Return what happened to an entry: the kind, the intended and the measured number, and what that is."""
    column = judged[:, :, entry]
    mine, aim = found[:, :, entry], expected[:, :, entry]
    for other in range(expected.shape[2]):
        moves = np.ptp(expected[:, :, other][column]) > 0
        if other != entry and moves and not (differs(mine, expected[:, :, other]) & column).any():
            how = f"the entry that stands in its place ({names[other]})"
            return "order", float(entry), float(other), how
    for steps in range(1, _LONGEST_DELAY + 1):
        late = column[steps:] & column[:-steps]
        if late.any() and np.ptp(aim[:-steps][late]) > 0 and not (differs(mine[steps:], aim[:-steps]) & late).any():
            return "delay", 0.0, float(steps), "the number of control steps by which it is late"
    x, y = mine[column], aim[column]
    unequal = differs(x, y)
    difference = x[unequal] - y[unequal]
    offset = float(np.median(difference))
    if np.abs(difference - offset).max() <= _EXACT * max(abs(offset), float(np.abs(y).max())):
        return "offset", 0.0, offset, "the constant that is added to it"
    moving = unequal & (y != 0)
    gain = float(np.median(x[moving] / y[moving])) if moving.any() else np.nan
    if np.abs(x - gain * y)[unequal].max() <= _EXACT * np.abs(y).max():
        return "gain", 1.0, gain, "the factor on it"
    limit = float(np.abs(x).max())
    if limit < np.abs(y).max() and not differs(x, np.clip(y, -limit, limit)).any():
        return "limit", float(np.abs(y).max()), limit, "its largest magnitude"
    return "noise", 0.0, float(np.sqrt(np.square(difference).mean())), "the root mean square of what it differs by"
