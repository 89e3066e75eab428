"""Between the action and the actuators.

The order is that of a real chain. The controller takes an action in (repeat) and sends it over a wire (delay, jitter)
to a converter of finite resolution (quantisation). The motor does not answer to small commands (dead zone), its
gears have play (backlash), and its speed and inertia bound how fast the effect follows (rate limit, lag). Last come
its gain and its noise, which nothing smooths. A controller takes in what lies within its range, and what arrives at the
actuator is clipped to that once more.

An episode starts as if the agent had sent the command that holds the initial pose for long (`Physics.rest_commands`):
whoever goes on with that command moves nothing, whatever the delay, lag, rate limit or play.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from .delay import delay_row
from .noise import noise_row
from .pointwise import compute_dead_zone, compute_gain, compute_quantisation, pointwise_row
from .recursive import Function, Recursive, compute_backlash, compute_lag, compute_rate_limit
from .repeat import Repeat
from .stage import Channel, Ids, StageRow, Wiring

__all__ = ["ACTION_STAGES", "ActuatorChannel"]


def _recursive(wiring: Wiring, parameter: str, function: Function) -> Recursive:
    return Recursive(wiring.values(parameter), wiring.num_envs, wiring.dim, function)


# In the order an action passes them.
ACTION_STAGES = (
    StageRow(("action_repeat",), lambda w: Repeat(w.values("action_repeat"), w.num_envs, w.dim)),
    delay_row("action"),
    pointwise_row("action_quantisation", compute_quantisation),
    pointwise_row("action_dead_zone", compute_dead_zone),
    StageRow(("action_backlash",), lambda w: _recursive(w, "action_backlash", compute_backlash)),
    StageRow(("action_rate_limit",), lambda w: _recursive(w, "action_rate_limit", compute_rate_limit)),
    StageRow(("action_lag",), lambda w: _recursive(w, "action_lag", partial(compute_lag, dt=w.physics.ctrl_dt))),
    pointwise_row("action_scale", compute_gain),
    noise_row("action_noise"),
)


class ActuatorChannel(Channel):
    """The way of the actions to the actuators."""

    def __init__(self, wiring: Wiring) -> None:
        """Serve actions."""
        super().__init__(ACTION_STAGES, wiring)
        self._physics = wiring.physics
        if self.stages:
            self._physics.follow_rest()
        self._low, self._high = wiring.physics.action_bounds

    def begin(self, ids: Ids) -> None:
        """Start an episode in the worlds `ids` (k,), whose states are those of its beginning."""
        if self.stages:
            self.restart(ids, self._physics.rest_commands(ids))

    def __call__(self, action: NDArray[np.floating]) -> NDArray[np.floating]:  # type: ignore[override]
        """Return what arrives at the actuators, (num_envs, dim); of the action's own type if the way is ideal."""
        if not self.stages:
            return action
        return super().__call__(np.clip(action.astype(np.float64), self._low, self._high))
