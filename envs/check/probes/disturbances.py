"""Disturbances: forces that act on bodies, and control steps that last longer or shorter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..pairs.recording import record
from ..pairs.signals import CONFIDENCE, pooled_sd
from ..pairs.verdict import Quantity
from ..pairs.world_pair import WorldPair
from .entries import by_entry, by_world

__all__ = ["DISTURBANCE_PROBES"]

Array = NDArray[np.float64]
_LONGEST = 300  # control steps to wait for a push


def _probe_steady(axis: int) -> Callable[[WorldPair, str], list[Quantity]]:
    def probe(pair: WorldPair, parameter: str) -> list[Quantity]:
        """Return the mean force on each body."""
        force = pair.free.forces[:, :, 1:, axis].mean(axis=0)
        return by_world(pair, parameter, "the force in the running physics", force)

    return probe


def _pushes(pair: WorldPair) -> Array:
    """Return the impulses along x and y, (num_steps, num_envs, nbody - 1, 2), over two intervals."""
    interval = int(pair.expectation.values("push_interval").max())
    steps = min(2 * interval + 2, _LONGEST)
    forces = record(pair.shifted, pair.constant_actions(np.zeros(pair.num_actions), steps), pair.seed).forces
    impulse: Array = forces[:, :, 1:, :2] * pair.control_period
    return impulse


def probe_push(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return force times duration of the first push; none may come while we wait."""
    impulse = np.linalg.norm(_pushes(pair), axis=3)
    largest = impulse.max(axis=0)
    return by_world(pair, parameter, "the impulse of a push", np.where(largest > 0, largest, np.nan))


def probe_interval(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the control steps between the first two pushes."""
    pushed = (_pushes(pair) != 0).any(axis=(2, 3))
    found = np.array([_gap(np.flatnonzero(column)) for column in pushed.T])
    return by_world(pair, parameter, "the number of control steps between pushes", found[:, None])


def _gap(steps: NDArray[np.intp]) -> float:
    return float(steps[1] - steps[0]) if len(steps) > 1 else np.nan


def probe_gust(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the root mean square of the force along x and y.

    Gusts are correlated over `gust_time` steps, so that fewer samples count: one in 2 gust_time + 1.
    """
    intended, time = pair.expectation.values(parameter), float(pair.expectation.values("gust_time").max())
    forces = pair.free.forces[:, :, 1:, :2]
    found = np.sqrt(np.square(forces).mean(axis=(0, 1, 3)))
    mean = np.sqrt(np.square(intended).mean(axis=0))
    num = 2 * forces.shape[0] * forces.shape[1] / (2 * time + 1)
    return by_entry(pair, parameter, "the root mean square of the gusts", mean, found, _wide(mean, num))


def _wide(sd: Array, num: float) -> Array:
    wide: Array = CONFIDENCE * sd / np.sqrt(2 * max(num, 1.0)) + 1e-12
    return wide


def probe_control_jitter(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the half width of the durations of control steps, sqrt(3) times their sd as they are uniform."""
    duration = np.diff(pair.free.time, axis=0)[:, :, None] / pair.control_period
    intended = pair.expectation.values(parameter)
    half, found, tolerance = pooled_sd(duration, intended / np.sqrt(3))
    root = np.sqrt(3)
    how = "the half width of the control steps' durations"
    return by_entry(pair, parameter, how, root * half, root * found, root * tolerance)


DISTURBANCE_PROBES = {
    "steady_force_x": _probe_steady(0),
    "steady_force_y": _probe_steady(1),
    "steady_force_z": _probe_steady(2),
    "push_impulse": probe_push,
    "push_interval": probe_interval,
    "gust_force": probe_gust,
    "control_jitter": probe_control_jitter,
}
