"""Events that befall single readings: how often they begin, and how long they last."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..pairs.signals import CONFIDENCE, Mask
from ..pairs.verdict import Quantity
from ..pairs.world_pair import WorldPair
from .entries import by_world

__all__ = ["event_lengths", "event_rate"]

Array = NDArray[np.float64]


def event_rate(pair: WorldPair, parameter: str, hit: Mask, tells: Mask) -> Quantity | None:
    """Return how often an event begins in a step that follows one without, over all entries the domain selects.

    That is the probability itself, however long events last and also where one follows another directly.

    Args:
        pair: the worlds.
        parameter: the probability.
        hit: (num_steps, num_envs, obs_dim) readings within an event.
        tells: of the same shape; readings of which that can be told.
    """
    intended = np.broadcast_to(pair.expectation.values(parameter), hit.shape[1:])
    judged = tells[:-1] & tells[1:] & pair.expectation.named(parameter) & pair.free.sound[:, None]
    calm = judged & ~hit[:-1]
    num = int(calm.sum())
    if not num:
        return None
    expected = float((intended * calm.sum(axis=0)).sum() / num)
    measured = float((calm & hit[1:]).sum() / num)
    error = np.sqrt(max(expected * (1 - expected), 1 / num) / num)
    names = ",".join(dict.fromkeys(pattern for e in pair.expectation.entries(parameter) for pattern in e.select))
    how = "how often a reading is hit in a step"
    return Quantity(f"{parameter}[{names}]", 0.0, expected, measured, CONFIDENCE * float(error), how)


def event_lengths(pair: WorldPair, parameter: str, hit: Mask, tells: Mask) -> list[Quantity]:
    """Return the shortest event that is seen from its beginning to its end, in steps; two in a row look like one."""
    num_worlds, dim = hit.shape[1:]
    shortest = np.full((num_worlds, dim), np.nan)
    running = np.full((num_worlds, dim), np.nan)  # steps the event has run; NaN: there is none, or it began unseen
    seen = tells.all(axis=0) if tells[0].any() else tells[1:].all(axis=0)
    for before, now in pairwise(hit[1:]):
        ended = before & ~now
        shortest = np.where(ended, np.fmin(shortest, running), shortest)
        running = np.where(now, np.where(before, running + 1, 1.0), np.nan)
    shortest = np.where(seen & pair.free.sound[:, None], shortest, np.nan)
    found = _shared(shortest, pair.expectation.values(parameter))
    return by_world(pair, parameter, "the shortest event, in steps,", found)


def _shared(shortest: Array, intended: Array) -> Array:
    """Return the shortest (num_envs, dim) of all worlds that are to have the same: the odds that all are twins fall."""
    shared = np.full(shortest.shape, np.nan)
    for value in np.unique(intended):
        alike = intended == value
        least = np.where(alike & np.isfinite(shortest), shortest, np.inf).min(axis=0)
        shared = np.where(alike & np.isfinite(least), least, shared)
    return shared
