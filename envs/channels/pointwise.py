"""Stages without memory: what goes out depends on what comes in at the same step alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..domain.streams import EpisodeDraws
from .stage import Array, Ids, Stage, StageRow

__all__ = [
    "Pointwise",
    "compute_bias",
    "compute_dead_zone",
    "compute_gain",
    "compute_quantisation",
    "compute_saturation",
    "pointwise_row",
]

Function = Callable[[Array, Array], Array]  # (rows, values of the parameter) -> rows


class Pointwise(Stage):
    """Applies a function of the signal and one parameter; the first rows of an episode are no exception."""

    def __init__(self, values: Array, function: Function) -> None:
        """Apply `function` with `values` (num_envs, dim) or (num_envs, 1)."""
        self._values, self._function = values, function

    def steady(self, ids: Ids, rows: Array) -> Array:
        """Return the function of the rows (k, dim)."""
        return self._function(rows, self._values[ids])

    def first(self, ids: Ids, rows: Array, draws: EpisodeDraws) -> Array:
        """Return the function of the first rows (k, dim)."""
        return self.steady(ids, rows)

    def __call__(self, rows: Array) -> Array:
        """Return the function of the rows (num_envs, dim)."""
        return self._function(rows, self._values)


def pointwise_row(parameter: str, function: Function) -> StageRow:
    """Return the row of a channel that applies `function` with the values of `parameter`."""
    return StageRow((parameter,), lambda wiring: Pointwise(wiring.values(parameter), function))


def compute_gain(x: Array, gain: Array) -> Array:
    """Return gain x."""
    return x * gain


def compute_bias(x: Array, bias: Array) -> Array:
    """Return x + bias."""
    return x + bias


def compute_saturation(x: Array, limit: Array) -> Array:
    """Return x held within [-limit, limit]; an infinite limit changes nothing."""
    return np.maximum(np.minimum(x, limit), -limit)


def compute_quantisation(x: Array, step: Array) -> Array:
    """Return the multiple of `step` nearest to x, one of two equally near the even; a step of 0 changes nothing.

    Source: the uniform mid-tread quantiser, Widrow and Kollar 2008, Quantization noise.
    """
    fine = step == 0.0
    divisor = np.where(fine, 1.0, step)
    return np.where(fine, x, np.rint(x / divisor) * divisor)


def compute_dead_zone(x: Array, half_width: Array) -> Array:
    """Return sign(x) max(|x| - half_width, 0).

    Source: Tao and Kokotovic 1996, Adaptive control of systems with actuator and sensor nonlinearities,
    the symmetric dead zone with unit slope.
    """
    return x - compute_saturation(x, half_width)
