"""Between the action and the actuators: first the delay of the wire, then the noise of the motor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .delay import Delay
from .noise import Noise
from .stage import Array, Channel, Ids, StageRow, Wiring

__all__ = ["ACTION_STAGES", "ActuatorChannel"]

# In the order an action passes them.
ACTION_STAGES = (
    StageRow(
        ("action_delay",),
        lambda w: Delay(w.values("action_delay"), w.num_envs, w.dim, int(w.largest("action_delay"))),
    ),
    StageRow(("action_noise",), lambda w: Noise(w.values("action_noise"), w.streams.channel("action_noise"))),
)


class ActuatorChannel(Channel):
    """The way of the actions to the actuators."""

    def __init__(self, wiring: Wiring) -> None:
        """Serve actions."""
        super().__init__(ACTION_STAGES, wiring)
        self._rest: Array = np.zeros((wiring.num_envs, wiring.dim))

    def begin(self, ids: Ids) -> None:
        """Start an episode in the worlds `ids` (k,): no command is under way."""
        for stage in self.stages.values():
            stage.restart(ids, self._rest[ids])

    def __call__(self, action: NDArray[np.floating]) -> NDArray[np.floating]:  # type: ignore[override]
        """Return what arrives at the actuators, (num_envs, dim); of the action's own type if the way is ideal."""
        return super().__call__(action.astype(np.float64)) if self.stages else action
