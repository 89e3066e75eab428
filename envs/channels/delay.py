"""A delay line: what went in a number of steps ago, per world."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["DelayLine"]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]


class DelayLine:
    """A ring buffer of the last `longest` + 1 rows of every world."""

    def __init__(self, num_envs: int, dim: int, longest: int) -> None:
        """Hold rows of `dim` entries for delays of up to `longest` steps."""
        self._history: Array = np.zeros((longest + 1, num_envs, dim))
        self._head = 0
        self._worlds = np.arange(num_envs)

    def fill(self, ids: Ids, rows: Array) -> None:
        """Let the worlds `ids` (k,) have seen nothing but `rows` (k, dim) so far."""
        self._history[:, ids] = rows

    def push(self, rows: Array, delay: Array) -> Array:
        """Take in the current `rows` (num_envs, dim); return those of `delay` (num_envs,) steps ago."""
        length = len(self._history)
        self._head = (self._head + 1) % length
        self._history[self._head] = rows
        return self._history[(self._head - delay.astype(np.intp)) % length, self._worlds]

    def get_state(self) -> dict[str, NDArray[np.generic]]:
        """Return history and head."""
        return {"history": self._history.copy(), "head": np.array(self._head)}

    def set_state(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Continue from what `get_state` returned."""
        self._history[:] = state["history"]
        self._head = int(state["head"])
