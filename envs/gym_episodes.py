"""GymEpisodes: how running episodes of Gymnasium environments came about, so that they can be lived through again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .errors import EnvsError

__all__ = ["GymEpisodes"]

Array = NDArray[np.float64]
State = dict[str, NDArray[np.generic]]


class GymEpisodes:
    """The seed of every environment's episode, its actions, and what was written from outside before each.

    Attributes:
        seeds: (num_envs,) of the running episodes; -1 before the first.
        lengths: (num_envs,) steps taken.
    """

    def __init__(self, num_envs: int, action_dim: int, longest: int) -> None:
        """Remember at most `longest` steps of each of `num_envs` episodes."""
        self.seeds = np.full(num_envs, -1, np.int64)
        self.lengths = np.zeros(num_envs, np.int64)
        self._longest = longest
        self._actions: Array = np.zeros((num_envs, longest, action_dim))
        self._single = np.zeros(1, np.bool_)  # whether actions come in single precision: environments compute in it
        self._moved: dict[str, Array] = {}  # field -> (num_envs, longest, size) what it was at every step

    def follow(self, field: str, size: int) -> None:
        """Remember, from now on, the `size` numbers of this field at every step."""
        self._moved[field] = np.zeros((len(self.seeds), self._longest, size))

    @property
    def followed(self) -> tuple[str, ...]:
        """The fields that are remembered at every step."""
        return tuple(self._moved)

    def begin(self, i: int, seed: int) -> None:
        """Start environment `i`'s episode with `seed`."""
        self.seeds[i], self.lengths[i] = seed, 0

    def note(self, i: int, action: NDArray[np.floating], moved: dict[str, Array]) -> None:
        """Remember environment `i`'s coming step: its action, and the values of the fields that are followed."""
        self._single[:] = action.dtype == np.float32
        step = self.lengths[i]
        if step < self._longest:
            self._actions[i, step] = action
            for field, values in moved.items():
                self._moved[field][i, step] = values.ravel()
        self.lengths[i] += 1

    def steps(self, i: int) -> Iterator[tuple[NDArray[np.floating], dict[str, Array]]]:
        """Yield the steps of environment `i`'s episode, as they were given to `note`, values flat."""
        for step, action in enumerate(self._actions[i, : self.lengths[i]]):
            moved = {field: rows[i, step] for field, rows in self._moved.items()}
            yield (action.astype(np.float32) if self._single[0] else action), moved

    def get_state(self) -> State:
        """Return all that is remembered.

        Raises:
            EnvsError: when an episode is longer than that.
        """
        if (self.lengths > self._longest).any():
            raise EnvsError(
                f"an episode of {self.lengths.max()} steps cannot be saved, its first {self._longest} "
                "actions are remembered; give the environment a time limit"
            )
        return {name: array.copy() for name, array in self._arrays().items()}

    def set_state(self, state: State) -> None:
        """Continue from what `get_state` returned."""
        for name, array in self._arrays().items():
            array[:] = state[name]

    def _arrays(self) -> State:
        moved = {f"moved.{field}": values for field, values in self._moved.items()}
        own = {"seeds": self.seeds, "lengths": self.lengths, "actions": self._actions, "single": self._single}
        return {**moved, **own}
