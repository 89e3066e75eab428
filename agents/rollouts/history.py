"""The last steps of every world as one observation: what a policy with a memory sees, in training and after.

A memory that is an input is no state of a policy: rollouts and replays that store observations store it too,
a minibatch may mix any moments of any episodes, and nothing is carried through an update.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..errors import AgentsError, CheckpointError

__all__ = ["HistoryWindow", "WindowSpace"]


class WindowSpace(spaces.Box):
    """Box (length * (obs_dim + action_dim + 1),) of windows, and what a window is made of.

    A window is `length` slots, oldest first, each an observation, the action that led to it (zeros at an
    episode's start) and a flag: 1, or 0 where the episode had not begun; then the whole slot is zeros.
    """

    def __init__(self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any], length: int) -> None:
        """Describe windows over these spaces of one world; AgentsError unless both are Boxes of one axis."""
        for name, space in (("observations", observation_space), ("actions", action_space)):
            if not isinstance(space, spaces.Box) or len(space.shape) != 1:
                raise AgentsError(f"a history keeps {name} of one vector (Box of one axis), not {space}")
        assert isinstance(observation_space, spaces.Box)
        assert isinstance(action_space, spaces.Box)
        if length < 2:
            raise AgentsError(f"a history of length {length!r}: it must have at least 2 steps")
        self.length = length
        self.obs_dim, self.action_dim = observation_space.shape[0], action_space.shape[0]
        self.action_low, self.action_high = (np.array(x, np.float32) for x in (action_space.low, action_space.high))
        low = np.concatenate([observation_space.low, action_space.low, [0.0]]).astype(np.float32)
        high = np.concatenate([observation_space.high, action_space.high, [1.0]]).astype(np.float32)
        # a slot before the episode is zeros, whatever the bounds
        low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
        super().__init__(np.tile(low, length), np.tile(high, length), dtype=np.float32)

    @property
    def slot_dim(self) -> int:
        """Entries of one slot: obs_dim + action_dim + 1."""
        return self.obs_dim + self.action_dim + 1

    def window(self, num_envs: int) -> HistoryWindow:
        """Return an empty history of `num_envs` worlds that makes windows of this space."""
        return HistoryWindow(num_envs, self.obs_dim, self.action_dim, self.length)


class HistoryWindow:
    """The last `length` (observation, previous action, valid) of every world, in a ring."""

    def __init__(self, num_envs: int, obs_dim: int, action_dim: int, length: int) -> None:
        """Begin with no episode in any world: all slots zero."""
        self.num_envs, self.obs_dim, self.length = num_envs, obs_dim, length
        self._slots = np.zeros((num_envs, length, obs_dim + action_dim + 1), np.float32)
        self._oldest = 0  # the slot that is overwritten next; the one before it is the newest

    @property
    def newest(self) -> slice:
        """The columns of a window with the newest observation."""
        start = (self.length - 1) * self._slots.shape[2]
        return slice(start, start + self.obs_dim)

    def begin(self, obs: NDArray[Any], ids: NDArray[np.intp] | None = None) -> None:
        """Start an episode in worlds `ids` (None: all) with `obs` (num_ids, obs_dim); older slots are cleared."""
        worlds: Any = slice(None) if ids is None else ids
        self._slots[worlds] = 0.0
        self._slots[worlds, self._oldest - 1, : self.obs_dim] = obs
        self._slots[worlds, self._oldest - 1, -1] = 1.0

    def push(self, actions: NDArray[Any], obs: NDArray[Any]) -> None:
        """Take in a step of all worlds: `actions` (num_envs, action_dim) led to `obs` (num_envs, obs_dim)."""
        newest = self._slots[:, self._oldest]
        newest[:, : self.obs_dim] = obs
        newest[:, self.obs_dim : -1] = actions
        newest[:, -1] = 1.0
        self._oldest = (self._oldest + 1) % self.length

    def window(self) -> NDArray[np.float32]:
        """Return a copy (num_envs, length * (obs_dim + action_dim + 1)), oldest slot first."""
        ordered = np.concatenate([self._slots[:, self._oldest :], self._slots[:, : self._oldest]], axis=1)
        return ordered.reshape(self.num_envs, -1)

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Return all that is needed to continue bit for bit."""
        return {"window": self.window()}

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `get_state` returned; CheckpointError if it is missing or of another shape."""
        shape = (self.num_envs, self._slots[0].size)
        if "window" not in state or state["window"].shape != shape:
            found = state["window"].shape if "window" in state else "missing"
            raise CheckpointError(f"state 'window' must have shape {shape}, it is {found}: same history and num_envs?")
        self._slots[:] = state["window"].reshape(self._slots.shape)
        self._oldest = 0
