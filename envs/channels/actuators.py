"""Between the action and the actuators: first the delay of the wire, then the noise of the motor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..streams import StepNoise
from ..worlds import Worlds
from .delay import DelayLine

__all__ = ["ActuatorChannel"]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]


class ActuatorChannel:
    """Delay and noise of the actions; an ideal channel costs nothing and changes no bit."""

    def __init__(self, worlds: Worlds, num_envs: int, dim: int, noise: StepNoise) -> None:
        """Serve actions of `dim` entries."""
        longest = int(worlds.largest("action_delay"))
        self._delay, self._sd = worlds.channel("action_delay"), worlds.channel("action_noise")
        self._line = DelayLine(num_envs, dim, longest) if longest else None
        self._noise = noise if worlds.largest("action_noise") > 0 else None

    def begin(self, ids: Ids) -> None:
        """Start an episode in the worlds `ids`: no command is under way."""
        if self._line is not None:
            self._line.fill(ids, np.zeros(1))

    def __call__(self, action: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return what arrives at the actuators, (num_envs, dim)."""
        if self._line is not None:
            action = self._line.push(action.astype(np.float64), self._delay)
        if self._noise is not None:
            action = action + self._sd[:, None] * self._noise.standard_normal(*action.shape)
        return action

    def get_state(self) -> dict[str, NDArray[np.generic]]:
        """Return the commands under way."""
        return self._line.get_state() if self._line is not None else {}

    def set_state(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Continue from what `get_state` returned."""
        if self._line is not None:
            self._line.set_state(state)
