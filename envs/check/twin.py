"""Twin: worlds that take every step from another's states, so that what differs is one step's difference."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ..errors import EnvsError
from .pairs.recording import Actions, AnyEnv, core, endless, has_state, read_state, write_state

__all__ = ["Twin"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Twin:
    """Worlds of one's own beside a leader's: they predict what its next step gives, from its very states.

    A context manager: within it, the twin's episodes do not end. They must have no time limit and no channels, as they
    begin no episode when the leader does, and what a channel remembers would be another episode's.
    """

    def __init__(self, env: AnyEnv, leader: AnyEnv) -> None:
        """Put the worlds of `env` beside those of `leader`.

        Raises:
            EnvsError: when they are not as many, not of the same robot, or have no state that could be written.
        """
        if not (has_state(env) and has_state(leader)):
            raise EnvsError(
                f"twin: {_name(leader)} has no MuJoCo state from which another simulator could take the same step "
                "and be compared; valid: environments that run on a MuJoCo model"
            )
        self._env, self._own, self._leader = env, core(env).physics, core(leader).physics
        for what, own, other in (
            ("worlds", self._own.num_envs, self._leader.num_envs),
            ("positions", self._own.qpos.shape[1], self._leader.qpos.shape[1]),
            ("velocities", self._own.qvel.shape[1], self._leader.qvel.shape[1]),
            ("activations", self._own.model.na, self._leader.model.na),
        ):
            if own != other:
                raise EnvsError(f"twin: has {own} {what}, the worlds it follows have {other}: both must be alike")
        self._stack = ExitStack()

    def __enter__(self) -> Twin:
        self._stack.enter_context(endless(self._env))
        self._env.reset()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def predict(self, actions: Actions) -> tuple[Array, Mask]:
        """Step from where the leader is now; to be called before the leader steps.

        Args:
            actions: (num_envs, act_dim) that the leader is about to be given.

        Returns:
            Observations (num_envs, obs_dim) after the step, and in which worlds they mean something (num_envs,).
        """
        write_state(self._own, read_state(self._leader))
        obs, _, _, _, infos = self._env.step(actions)
        return obs, ~infos["fault"]


def _name(env: AnyEnv) -> str:
    task = core(env).task
    return str(getattr(task, "name", type(task).__name__))
