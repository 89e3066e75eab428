"""Between the state and the observation: first the delay of the readings, then their noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..streams import EpisodeDraws, StepNoise
from ..worlds import Worlds
from .delay import DelayLine

__all__ = ["SensorChannel"]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]


class SensorChannel:
    """Delay and noise of the observations; an ideal channel costs nothing and changes no bit."""

    def __init__(self, worlds: Worlds, num_envs: int, dim: int, noise: StepNoise) -> None:
        """Serve observations of `dim` entries."""
        longest = int(worlds.largest("observation_delay"))
        self._delay, self._sd = worlds.channel("observation_delay"), worlds.channel("observation_noise")
        self._line = DelayLine(num_envs, dim, longest) if longest else None
        self._noise = noise if worlds.largest("observation_noise") > 0 else None

    def begin(self, ids: Ids, rows: Array, draws: EpisodeDraws) -> Array:
        """Start an episode in the worlds `ids` (k,): before it, the sensors saw the same `rows` (k, dim)."""
        if self._line is not None:
            self._line.fill(ids, rows)
        if self._noise is not None:
            rows = rows + self._sd[ids, None] * draws.standard_normal(rows.shape[1])
        return rows

    def __call__(self, observation: Array) -> Array:
        """Return what the agent is given, (num_envs, dim)."""
        if self._line is not None:
            observation = self._line.push(observation, self._delay)
        if self._noise is not None:
            observation = observation + self._sd[:, None] * self._noise.standard_normal(*observation.shape)
        return observation

    def get_state(self) -> dict[str, NDArray[np.generic]]:
        """Return the readings under way."""
        return self._line.get_state() if self._line is not None else {}

    def set_state(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Continue from what `get_state` returned."""
        if self._line is not None:
            self._line.set_state(state)
