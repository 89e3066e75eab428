"""Returned: numbers that are none, and ends that a wrapper keeps to itself; wrong whatever the domain says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..vector.vector_env import StepResult
from .differences import NOT_NAMED
from .pairs.recording import core
from .pairs.verdict import Quantity
from .pairs.world_pair import WorldPair

__all__ = ["find_hidden_ends", "find_no_numbers"]


def find_no_numbers(pair: WorldPair) -> Iterator[Quantity]:
    """Yield the share of readings and rewards that are not finite, where there are any."""
    recording, names = pair.free, core(pair.nominal).task.observation_names
    for signal, rows in (("observation", recording.obs), ("reward", recording.reward[:, :, None])):
        broken = ~np.isfinite(rows[:, recording.sound])
        if broken.any():
            entry = int(broken.mean(axis=(0, 1)).argmax())
            place = f"{signal}[{names[entry]}]" if signal == "observation" else signal
            share = float(broken[:, :, entry].mean())
            yield Quantity(
                f"{place} not finite", 0.0, 0.0, share, 1e-12, "the share that is NaN or infinite", NOT_NAMED
            )


def find_hidden_ends(pair: WorldPair) -> list[Quantity]:
    """Return the share of ends that the shifted worlds reach and whoever wraps them does not report; empty if none.

    A recording has no ends within, so this runs the episodes as they are.
    """
    env, worlds = pair.shifted, core(pair.shifted)
    if env is worlds:
        return []
    step, reached, hidden = worlds.step, 0, 0
    within: list[NDArray[np.bool_]] = []

    def step_within(actions: NDArray[np.floating]) -> StepResult:
        returned = step(actions)
        within[:] = [flags.copy() for flags in returned[2:4]]
        return returned

    env.reset(seed=pair.seed)
    worlds.step = step_within  # type: ignore[method-assign]
    try:
        for action in pair.random_actions:
            ends = env.step(action)[2:4]
            reached += int(np.sum(within))
            hidden += int(np.sum([own & ~np.asarray(end) for own, end in zip(within, ends, strict=True)]))
    finally:
        worlds.step = step  # type: ignore[method-assign]
    how = "the share of ends of the worlds within that are not returned as such"
    share = hidden / max(reached, 1)
    return [Quantity("undeclared change of the end", 0.0, 0.0, share, 1e-12, how, NOT_NAMED)] if hidden else []
