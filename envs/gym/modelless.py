"""Modelless: an environment without MuJoCo, as one whose MuJoCo world is empty."""

from __future__ import annotations

from typing import Any

import mujoco

from ..errors import is_number

__all__ = ["Modelless", "with_model"]

_STEP = 1.0  # s, of an environment that has no `dt`: its time is counted in control steps


class Modelless:
    """An environment that simulates something else, or nothing, beside an empty MuJoCo world that never moves.

    So whatever reads bodies, joints or a state of MuJoCo's finds none, and all that takes actions and returns
    observations works as for any other environment.

    Attributes:
        env: the environment itself.
        model: a model without bodies; its timestep is the control period.
        data: its data.
        dt: the environment's own control period, s; absent where it has none.
    """

    def __init__(self, env: Any) -> None:
        """Look at `env`, whose attribute `dt`, if there is one, is its control period in s."""
        self.env = env
        self.observation_space, self.action_space = env.observation_space, env.action_space
        self.reset, self.step, self.close = env.reset, env.step, env.close
        self.model = mujoco.MjSpec().compile()
        dt: Any = getattr(env, "dt", None)
        if is_number(dt) and dt > 0:
            self.dt = float(dt)
        self.model.opt.timestep = getattr(self, "dt", _STEP)
        self.data = mujoco.MjData(self.model)


def with_model(env: Any) -> Any:
    """Return `env`, or a Modelless around it if it has neither a `model` nor a `data` of MuJoCo's."""
    pairs = (("model", mujoco.MjModel), ("data", mujoco.MjData))
    return env if any(isinstance(getattr(env, name, None), kind) for name, kind in pairs) else Modelless(env)
