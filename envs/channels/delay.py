"""A delay: what went in a number of control steps ago."""

from __future__ import annotations

import numpy as np

from .stage import Array, Ids, Stage, State

__all__ = ["Delay"]


class Delay(Stage):
    """A ring buffer of the last `longest` + 1 rows of every world."""

    def __init__(self, delay: Array, num_envs: int, dim: int, longest: int) -> None:
        """Delay by `delay` (num_envs, dim) or (num_envs, 1) steps of at most `longest`."""
        self._delay = delay
        self._history: Array = np.zeros((longest + 1, num_envs, dim))
        self._head = 0
        self._worlds, self._entries = np.arange(num_envs)[:, None], np.arange(dim)

    def restart(self, ids: Ids, rows: Array) -> None:
        """Fill the past with `rows`."""
        self._history[:, ids] = rows

    def __call__(self, rows: Array) -> Array:
        """Return the rows of `delay` steps ago."""
        length = len(self._history)
        self._head = (self._head + 1) % length
        self._history[self._head] = rows
        return self._history[(self._head - self._delay.astype(np.intp)) % length, self._worlds, self._entries]

    def get_state(self) -> State:
        """Return history and head."""
        return {"history": self._history.copy(), "head": np.array(self._head)}

    def set_state(self, state: State) -> None:
        """Continue from what `get_state` returned."""
        self._history[:] = state["history"]
        self._head = int(state["head"])
