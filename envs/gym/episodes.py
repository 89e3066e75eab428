"""GymEpisodes: how running episodes of Gymnasium environments came about, so that they can be lived through again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import EnvsError
from ..worlds.saved_state import GROWING

__all__ = ["GymEpisodes"]

Array = NDArray[np.float64]
State = dict[str, NDArray[np.generic]]
_ACTIONS, _MOVED = "actions", "moved."
_FEWEST = 64  # steps there is room for at first


class GymEpisodes:
    """The seed of every environment's episode, its actions, and what was written from outside before each.

    Memory and saved state grow with the steps of the running episodes.

    Attributes:
        seeds: (num_envs,) of the running episodes; -1 before the first.
        lengths: (num_envs,) steps taken.
        followed: the fields that are remembered at every step.
    """

    def __init__(self, num_envs: int, action_dim: int, dtype: DTypeLike, longest: int) -> None:
        """Remember at most `longest` steps of each of `num_envs` episodes, actions of `dtype` (action_dim,)."""
        self.seeds = np.full(num_envs, -1, np.int64)
        self.lengths = np.zeros(num_envs, np.int64)
        self.followed: tuple[str, ...] = ()
        self._longest = longest
        self._room = min(_FEWEST, longest)  # steps there is room for
        # (num_envs, room, size) each: the actions, and by field what was written from outside
        self._steps: State = {_ACTIONS: np.zeros((num_envs, self._room, action_dim), dtype)}

    def follow(self, field: str, size: int) -> None:
        """Remember, from now on, the `size` numbers of this field at every step."""
        self.followed += (field,)
        self._steps[_MOVED + field] = np.zeros((len(self.seeds), self._room, size))

    def begin(self, i: int, seed: int) -> None:
        """Start environment `i`'s episode with `seed`."""
        self.seeds[i], self.lengths[i] = seed, 0

    def note(self, i: int, action: NDArray[np.floating], moved: Mapping[str, Array]) -> None:
        """Remember environment `i`'s coming step: its action, and the values of the fields that are followed."""
        step = int(self.lengths[i])
        if step < self._longest:
            if step == self._room:
                self._make_room(step + 1)
            self._steps[_ACTIONS][i, step] = action
            for field, values in moved.items():
                self._steps[_MOVED + field][i, step] = values.ravel()
        self.lengths[i] += 1

    def _make_room(self, steps: int) -> None:
        """Have room for so many steps, or for twice as many as there was room for."""
        room = self._room
        if steps > room:
            self._room = min(max(steps, 2 * room), self._longest)
            more = self._room - room
            for name, rows in self._steps.items():
                self._steps[name] = np.pad(rows, ((0, 0), (0, more), (0, 0)))

    def steps(self, i: int) -> Iterator[tuple[NDArray[np.floating], dict[str, Array]]]:
        """Yield the steps of environment `i`'s episode, as they were given to `note`, copied, values flat."""
        for step in range(self.lengths[i]):
            rows = {name: values[i, step].copy() for name, values in self._steps.items()}
            action = rows.pop(_ACTIONS)
            yield action, {name.removeprefix(_MOVED): values for name, values in rows.items()}

    def get_state(self) -> State:
        """Return all that is remembered: seeds and lengths, and the steps of all episodes one after the other.

        Raises:
            EnvsError: when an episode is longer than that.
        """
        if (self.lengths > self._longest).any():
            raise EnvsError(
                f"an episode of {self.lengths.max()} steps cannot be saved, its first {self._longest} "
                "actions are remembered; give the environment a time limit"
            )
        taken = self._taken()
        steps = {GROWING + name: rows[taken] for name, rows in self._steps.items()}
        return {"seeds": self.seeds.copy(), "lengths": self.lengths.copy(), **steps}

    def set_state(self, state: State) -> None:
        """Continue from what `get_state` returned.

        Raises:
            EnvsError: when there are not as many steps as the episodes are long.
        """
        lengths, steps = state["lengths"], [len(state[GROWING + name]) for name in self._steps]
        if lengths.min() < 0 or lengths.max() > self._longest or set(steps) != {int(lengths.sum())}:
            raise EnvsError(
                f"state: episodes of {lengths.tolist()} steps, each to be 0 to {self._longest}, do not go with "
                f"{steps[0]} actions"
            )
        self.seeds[:], self.lengths[:] = state["seeds"], lengths
        self._make_room(int(lengths.max()))
        taken = self._taken()
        for name, rows in self._steps.items():
            rows[taken] = state[GROWING + name]

    def _taken(self) -> NDArray[np.bool_]:
        """Return which of the steps there is room for have been taken, (num_envs, room)."""
        taken: NDArray[np.bool_] = np.arange(self._room) < self.lengths[:, None]
        return taken
