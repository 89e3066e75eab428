"""Drift: an error that an episode starts without and that grows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..domain.streams import StepNoise
from .stage import Array, Ids, Stage

__all__ = ["Drift"]


class Drift(Stage):
    """Adds an offset that grows by a constant, by a random step, or by both, at every control step."""

    def __init__(self, rate: Array, sd: Array, noise: StepNoise | None, num_envs: int, dim: int) -> None:
        """Drift.

        Args:
            rate: (num_envs, dim) growth in a step.
            sd: (num_envs, dim) standard deviation of a step of the random walk.
            noise: what draws its steps; None if there are none.
            num_envs: number of worlds.
            dim: entries of the signal.
        """
        self._rate, self._sd, self._noise = rate, sd, noise
        self._offset: Array = np.zeros((num_envs, dim))

    def memory(self) -> dict[str, NDArray[np.generic]]:
        """Return the offset, (num_envs, dim)."""
        return {"offset": self._offset}

    def restart(self, ids: Ids, rows: Array) -> None:
        """Start without an offset."""
        self._offset[ids] = 0.0

    def __call__(self, rows: Array) -> Array:
        """Return rows + offset."""
        self._offset += self._rate
        if self._noise is not None:
            self._offset += self._sd * self._noise.standard_normal(*rows.shape)
        return rows + self._offset
