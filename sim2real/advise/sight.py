"""Sight: what a policy sees of worlds side by side: the observation itself, or a window over the last steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents import history

__all__ = ["Seen", "Sight"]

Seen = NDArray[np.float32]


class Sight:
    """Turns observations (num_envs, obs_dim) into a policy's inputs (num_envs, input_dim)."""

    def __init__(self, space: Any, num_envs: int) -> None:
        """Begin with no episode; `space` is the policy's own observation space."""
        self._window = space.window(num_envs) if isinstance(space, history.WindowSpace) else None
        self._newest: Seen = np.zeros((num_envs, 0), np.float32)

    def begin(self, obs: NDArray[np.floating], ids: NDArray[np.intp] | None = None) -> None:
        """Start an episode in the worlds `ids` (n,), None: all, with observations (n, obs_dim)."""
        if ids is None:
            self._newest = np.array(obs, np.float32)
        else:
            self._newest[ids] = obs
        if self._window is not None:
            self._window.begin(obs, ids)

    def step(self, actions: NDArray[np.floating], obs: NDArray[np.floating]) -> None:
        """Take in that `actions` (num_envs, act_dim) led to `obs` (num_envs, obs_dim)."""
        self._newest = np.array(obs, np.float32)
        if self._window is not None:
            self._window.push(actions, obs)

    def seen(self) -> Seen:
        """Return the inputs as they are now, copied."""
        return self._newest.copy() if self._window is None else self._window.window()

    def imagine(self, obs: NDArray[np.floating]) -> Seen:
        """Return the inputs as they would be, were `obs` (num_envs, obs_dim) the newest observation."""
        if self._window is None:
            return np.array(obs, np.float32)
        window: Seen = self._window.window()
        window[:, self._window.newest] = obs
        return window
