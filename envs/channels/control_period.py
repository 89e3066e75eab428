"""ControlPeriod: control steps that do not all last the same."""

from __future__ import annotations

import numpy as np

from ..domain.streams import StepNoise
from ..physics.physics import Physics
from .stage import Array

__all__ = ["ControlPeriod"]


class ControlPeriod:
    """Stretches a control step by a factor uniform on [1 - jitter, 1 + jitter], drawn per world and step.

    The simulation takes as many steps as ever, each by that factor longer. Outside of control steps the timestep is
    what it was before, so that whoever else sets it need not know; rewards count the nominal period,
    but for those of gym: environments, which read the running timestep.
    """

    def __init__(self, jitter: Array, noise: StepNoise, physics: Physics) -> None:
        """Stretch by at most `jitter` (num_envs, 1)."""
        self._jitter, self._noise, self._physics = jitter, noise, physics
        self._timestep = physics.expand("opt.timestep")  # (num_envs,) live, s
        physics.moves(("opt.timestep",))
        self._held: Array = self._timestep.copy()
        self._all = np.arange(physics.num_envs)

    def stretch(self) -> None:
        """Draw the coming control step's factors and stretch the timesteps."""
        self._held[:] = self._timestep
        factor = 1 + self._jitter * (2 * self._noise.random(len(self._all), 1) - 1)
        self._write(self._held * factor[:, 0])

    def restore(self) -> None:
        """Put back the timesteps as they were."""
        self._write(self._held)

    def _write(self, timestep: Array) -> None:
        self._timestep[:] = timestep
        self._physics.set_const(self._all, ("opt.timestep",))
