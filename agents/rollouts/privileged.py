"""Windows with the parameters of their world behind them: what a teacher is told in simulation, nobody elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..errors import AgentsError, CheckpointError
from .history import HistoryWindow, WindowSpace

__all__ = ["PrivilegedSpace", "PrivilegedWindow"]


class PrivilegedSpace(WindowSpace):
    """Box of windows (see WindowSpace), each followed by the k parameters of its world and a flag.

    The flag is 1 where the world tells its parameters; where it does not, they and the flag are zeros.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        length: int,
        parameters: Sequence[str],
    ) -> None:
        """Describe windows over `length` steps, then `parameters` (k names); AgentsError as from WindowSpace."""
        super().__init__(observation_space, action_space, length)
        self.parameters = tuple(parameters)
        beyond = np.full(len(self.parameters), np.inf, np.float32)
        low = np.concatenate([self.low, -beyond, [0.0]]).astype(np.float32)
        high = np.concatenate([self.high, beyond, [1.0]]).astype(np.float32)
        spaces.Box.__init__(self, low, high, dtype=np.float32)

    def window(self, num_envs: int) -> PrivilegedWindow:
        """Return an empty history of `num_envs` worlds that tell nothing."""
        return PrivilegedWindow(num_envs, self.obs_dim, self.action_dim, self.length, len(self.parameters))


class PrivilegedWindow(HistoryWindow):
    """A history, and behind it what the worlds tell of themselves: nothing, until `tell` is called."""

    def __init__(self, num_envs: int, obs_dim: int, action_dim: int, length: int, num_parameters: int) -> None:
        """Begin with no episode in any world, and nothing told."""
        super().__init__(num_envs, obs_dim, action_dim, length)
        self._told = np.zeros((num_envs, num_parameters + 1), np.float32)

    def tell(self, parameters: NDArray[np.floating]) -> None:
        """Take in the parameters (num_envs, k) of all worlds; AgentsError unless they are finite numbers of that shape.

        Those of worlds whose episode goes on are expected to be what they were.
        """
        shape = (self.num_envs, self._told.shape[1] - 1)
        if parameters.shape != shape or not np.isfinite(parameters).all():
            raise AgentsError(f"world parameters must be finite and of shape {shape}: {parameters!r}")
        self._told[:, :-1] = parameters
        self._told[:, -1] = 1.0

    def window(self) -> NDArray[np.float32]:
        """Return a copy (num_envs, length * slot_dim + k + 1)."""
        return np.concatenate([super().window(), self._told], axis=1)

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Return all that is needed to continue bit for bit."""
        return {"window": super().window(), "told": self._told}

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `get_state` returned; CheckpointError if it is missing or of another shape."""
        if "told" not in state or state["told"].shape != self._told.shape:
            found = state["told"].shape if "told" in state else "missing"
            raise CheckpointError(f"state 'told' must have shape {self._told.shape}, it is {found}: same parameters?")
        super().set_state(state)
        self._told[:] = state["told"]
