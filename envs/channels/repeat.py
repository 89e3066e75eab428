"""Repeat: a controller slower than the agent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .stage import Array, Ids, Stage

__all__ = ["Repeat"]


class Repeat(Stage):
    """Takes in a new row every n-th step, the first of an episode among them, and repeats it meanwhile."""

    def __init__(self, period: Array, num_envs: int, dim: int) -> None:
        """Take in a row every `period` (num_envs, 1) steps."""
        self._period = period
        self._left: Array = np.zeros((num_envs, 1))  # steps until a row is taken in
        self._held: Array = np.zeros((num_envs, dim))

    def memory(self) -> dict[str, NDArray[np.generic]]:
        """Return the held rows (num_envs, dim) and for how many steps (num_envs, 1)."""
        return {"left": self._left, "held": self._held}

    def restart(self, ids: Ids, rows: Array) -> None:
        """Take in the next row."""
        self._left[ids], self._held[ids] = 0.0, rows

    def __call__(self, rows: Array) -> Array:
        """Return the rows last taken in."""
        due = self._left <= 0
        np.copyto(self._held, rows, where=due)
        self._left[...] = np.where(due, self._period, self._left) - 1
        return self._held.copy()
