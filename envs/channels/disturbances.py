"""Between the world and the robot: forces that act on its bodies, and a control period that is not exact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ..domain.streams import EpisodeDraws
from .control_period import ControlPeriod
from .forces import Gusts, Pushes, SteadyForce
from .stage import Array, Channel, Ids, StageRow, Wiring

__all__ = ["DISTURBANCE_STAGES", "DisturbanceChannel"]

_STEADY = ("steady_force_x", "steady_force_y", "steady_force_z")


def _make_pushes(wiring: Wiring) -> Pushes:
    return Pushes(
        wiring.values("push_impulse"),
        wiring.values("push_interval"),
        wiring.physics.expand("opt.timestep"),
        wiring.physics.substeps,
        wiring.streams.channel("push_impulse"),
        wiring.num_envs,
    )


def _make_gusts(wiring: Wiring) -> Gusts:
    noise = wiring.streams.channel("gust_force")
    return Gusts(wiring.values("gust_force"), wiring.values("gust_time"), noise, wiring.num_envs)


DISTURBANCE_STAGES = (
    StageRow(_STEADY, lambda w: SteadyForce(*map(w.values, _STEADY))),
    StageRow(("push_impulse",), _make_pushes),
    StageRow(("gust_force",), _make_gusts),
)


class DisturbanceChannel(Channel):
    """What disturbs the physics while it makes a control step."""

    def __init__(self, wiring: Wiring) -> None:
        """Disturb `wiring.physics`; its `dim` does not matter."""
        super().__init__(DISTURBANCE_STAGES, wiring)
        if self.stages:
            applied = wiring.physics.bind("xfrc_applied")  # (num_envs, nbody, 6) live
            wiring.physics.moves(("xfrc_applied",))
            self._force = np.moveaxis(applied[:, 1:, :3], 2, 0)
            self._calm: Array = np.zeros(self._force.shape)
        self._period = None
        if noise := wiring.noise("control_jitter"):
            self._period = ControlPeriod(wiring.values("control_jitter"), noise, wiring.physics)

    def begin(self, ids: Ids, draws: EpisodeDraws) -> None:
        """Start an episode in the worlds `ids` (k,)."""
        if self.stages:
            self.first(ids, self._calm[:, ids], draws)

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Disturb the control step made within; the forces are written anew for each, so none outlives its end."""
        if self._period is not None:
            self._period.stretch()
        if self.stages:
            self._force[:] = self(self._calm)
        try:
            yield
        finally:
            if self._period is not None:
                self._period.restore()
