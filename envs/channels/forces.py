"""Forces that the robot does not know of, on the centres of mass of its bodies: steady, in pushes, in gusts.

Here a stage's signal is the force on every body but the world in the world's axes, (3, num_envs, nbody - 1), N, to
which it adds its own. Parameters that belong to bodies are (num_envs, nbody - 1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..domain.streams import EpisodeDraws, StepNoise
from .stage import Array, Ids, Stage

__all__ = ["Gusts", "Pushes", "SteadyForce"]


class SteadyForce(Stage):
    """A force that stays."""

    def __init__(self, x: Array, y: Array, z: Array) -> None:
        """Add (x, y, z), each (num_envs, nbody - 1), N."""
        self._components = x, y, z

    def __call__(self, rows: Array) -> Array:
        """Return the forces with this one."""
        return rows + np.stack(self._components)


class Pushes(Stage):
    """An impulse every so many control steps, the first after one interval, spread over one control step.

    All pushed bodies of a world are pushed the same horizontal way, which is drawn anew for every push: uniform
    around the compass. A robot that moves in a plane only feels the part that lies in it.
    """

    def __init__(
        self, impulse: Array, interval: Array, timestep: Array, substeps: int, noise: StepNoise, num_envs: int
    ) -> None:
        """Push.

        Args:
            impulse: (num_envs, nbody - 1) N s.
            interval: (num_envs, 1) control steps.
            timestep: (num_envs,) live simulation timestep, s.
            substeps: simulation steps in a control step.
            noise: of the directions.
            num_envs: number of worlds.
        """
        self._impulse, self._interval, self._timestep, self._substeps = impulse, interval, timestep, substeps
        self._noise = noise
        self._waited: Array = np.zeros((num_envs, 1))  # control steps since the last push

    def memory(self) -> dict[str, NDArray[np.generic]]:
        """Return how long ago the last push was, (num_envs, 1)."""
        return {"waited": self._waited}

    def restart(self, ids: Ids, rows: Array) -> None:
        """Wait for an interval."""
        self._waited[ids] = 0.0

    def __call__(self, rows: Array) -> Array:
        """Return the forces, with the push's where one is due: impulse / duration of the control step."""
        due = self._waited >= self._interval
        self._waited[...] = np.where(due, 0.0, self._waited) + 1
        angle = 2 * np.pi * self._noise.random(*due.shape)
        if not due.any():
            return rows
        size = due * self._impulse / (self._timestep * self._substeps)[:, None]
        return np.stack((rows[0] + size * np.cos(angle), rows[1] + size * np.sin(angle), rows[2]))


class Gusts(Stage):
    """Wind that comes and goes: an Ornstein-Uhlenbeck process along x and another along y.

    From one control step to the next the unit process z becomes a z + sqrt(1 - a^2) n with a = exp(-1 / time) and n
    standard normal: its exact transition (Gillespie 1996, Exact numerical simulation of the Ornstein-Uhlenbeck
    process, doi:10.1103/PhysRevE.54.2084). Episodes start in its stationary distribution, N(0, 1). The force on a
    body is its standard deviation times z; a gust is wider than a robot, so all bodies of a world share z.
    """

    def __init__(self, sd: Array, time: Array, noise: StepNoise, num_envs: int) -> None:
        """Blow with `sd` (num_envs, nbody - 1), N, and correlation time `time` (num_envs, 1), control steps."""
        self._sd, self._time, self._noise = sd, time, noise
        self._unit: Array = np.zeros((num_envs, 2))

    def memory(self) -> dict[str, NDArray[np.generic]]:
        """Return z, (num_envs, 2)."""
        return {"unit": self._unit}

    def first(self, ids: Ids, rows: Array, draws: EpisodeDraws) -> Array:
        """Draw z (k, 2) from its stationary distribution."""
        self._unit[ids] = draws.of(self._noise.channel).standard_normal(2)
        return rows

    def __call__(self, rows: Array) -> Array:
        """Return the forces with those of the wind."""
        self._unit *= np.exp(-1 / self._time)
        self._unit += np.sqrt(-np.expm1(-2 / self._time)) * self._noise.standard_normal(*self._unit.shape)
        x, y = self._sd * self._unit[:, :1], self._sd * self._unit[:, 1:]
        return np.stack((rows[0] + x, rows[1] + y, rows[2]))
