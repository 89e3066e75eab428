"""Recording: worlds that start where they are told, do not end, and show what lies before and behind the channels."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from ...domain.streams import EpisodeDraws
from ...gym.plain_physics import PlainPhysics
from ...physics.physics import Physics
from ...tasks.task import Task
from ...vector.vector_env import DomainVectorEnv

__all__ = ["AnyEnv", "Recording", "States", "core", "endless", "has_state", "read_state", "record", "write_state"]

Array = NDArray[np.float64]
Actions = NDArray[np.floating]
Ids = NDArray[np.intp]
Mask = NDArray[np.bool_]
AnyEnv = VectorEnv[Any, Any, Any]


def core(env: AnyEnv) -> DomainVectorEnv:
    """Return the worlds below all wrappers: what runs."""
    return cast(DomainVectorEnv, env.unwrapped)


def has_state(env: AnyEnv) -> bool:
    """Return whether there is a state of the physics: an environment without MuJoCo has none that could be seen."""
    return not isinstance(core(env).physics, PlainPhysics)


@dataclass(frozen=True)
class States:
    """States of the physics: positions (num, nq), velocities (num, nv), activations (num, na)."""

    qpos: Array
    qvel: Array
    act: Array

    def __getitem__(self, rows: Any) -> States:
        """Return some of them."""
        return States(self.qpos[rows], self.qvel[rows], self.act[rows])

    @staticmethod
    def stack(parts: list[States]) -> States:
        """Return the states of several moments, each array with a leading axis more."""
        return States(*(np.stack([getattr(p, name) for p in parts]) for name in ("qpos", "qvel", "act")))


def read_state(physics: Physics) -> States:
    """Return the states of all worlds, copied."""
    act = physics.bind("act").copy() if physics.model.na else np.zeros((physics.num_envs, 0))
    return States(physics.qpos.copy(), physics.qvel.copy(), act)


def write_state(physics: Physics, states: States, ids: Ids | slice = slice(None)) -> None:
    """Put states (num_envs, ...) into the worlds `ids`, for the next step."""
    physics.qpos[ids], physics.qvel[ids] = states.qpos[ids], states.qvel[ids]
    if physics.model.na:
        physics.bind("act")[ids] = states.act[ids]


class _EndlessTask:
    """A task whose episodes start in given states and do not end."""

    def __init__(self, task: Task, states: States | None) -> None:
        self._task, self._states = task, states

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def reset(self, physics: Physics, ids: Ids, draws: EpisodeDraws) -> None:
        self._task.reset(physics, ids, draws)
        if self._states is not None:
            write_state(physics, self._states, ids)

    def terminated(self, physics: Physics) -> Mask:
        return np.zeros(physics.num_envs, np.bool_)

    truncated = terminated


@contextmanager
def endless(env: AnyEnv, states: States | None = None) -> Iterator[Task]:
    """Let the worlds start in `states` (num_envs, ...), their own ones if None, and not end, nor by a limit of time.

    Yields their task.

    The episode starts as any other does, so that what the channels remember fits the state.
    """
    worlds = core(env)
    task, limit = worlds.task, worlds.max_episode_steps
    worlds.task, worlds.max_episode_steps = cast(Task, _EndlessTask(task, states)), None
    try:
        yield task
    finally:
        worlds.task, worlds.max_episode_steps = task, limit


@dataclass(frozen=True)
class Recording:
    """What went in and came out on both sides of the channels.

    Attributes:
        actions: (num_steps, num_envs, act_dim) as given to `step`.
        ctrl: (num_steps, num_envs, act_dim) as handed to the physics, which clips it.
        truth: (num_steps + 1, num_envs, obs_dim) the task's own observation of the physics.
        obs: (num_steps + 1, num_envs, obs_dim) as returned.
        state: (num_steps + 1, num_envs, nq + nv)
        forces: (num_steps, num_envs, nbody, 6) external forces on bodies.
        pulls: (num_steps, num_envs, nv) external forces on joints.
        time: (num_steps + 1, num_envs) s
        reward: (num_steps, num_envs) as returned.
        ended: (num_steps, num_envs) 1 where the task, or who wraps it, says that the episode ends; 0 elsewhere.
        sound: (num_envs,) worlds without a fault.
        moving: field of the model -> (num_steps, num_envs, ...) its values in each step, of those followed.
    """

    actions: Array
    ctrl: Array
    truth: Array
    obs: Array
    state: Array
    forces: Array
    pulls: Array
    time: Array
    reward: Array
    ended: Array
    sound: Mask
    moving: dict[str, Array]


def record(env: AnyEnv, actions: Actions, seed: int, kick: float = 0.0, follow: Collection[str] = ()) -> Recording:
    """Run `actions` (num_steps, num_envs, act_dim) from `reset(seed)`, without ends.

    Args:
        env: the worlds.
        actions: what to do.
        seed: of all randomness: two recordings with one seed have the same noise.
        kick: added to every velocity after the reset, in the joint's unit per s.
        follow: fields of the model whose values in each step are kept.
    """
    worlds = core(env)
    physics, rows, moving = worlds.physics, _Rows(), _Rows()
    sound = np.ones(worlds.num_envs, np.bool_)
    with endless(env) as task:
        obs, _ = env.reset(seed=seed)
        rows.add(truth=task.observe(physics), obs=obs, state=_state(physics), time=physics.bind("time"))
        physics.qvel[:] += kick
        for action in actions:
            obs, reward, terminated, truncated, infos = env.step(action)
            sound &= ~infos["fault"]
            rows.add(truth=task.observe(physics), obs=obs, state=_state(physics), time=physics.bind("time"))
            rows.add(actions=action, ctrl=physics.handed, forces=physics.bind("xfrc_applied"))
            rows.add(pulls=physics.bind("qfrc_applied"), reward=reward)
            rows.add(ended=task.terminated(physics) | terminated | truncated)
            moving.add(**{field: physics.expand(field) for field in follow})
    return Recording(**rows.stacked(), sound=sound, moving=moving.stacked())


def _state(physics: Physics) -> Array:
    return np.concatenate((physics.qpos, physics.qvel), axis=1)


class _Rows:
    """Rows of named arrays, copied as they come."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Array]] = {}

    def add(self, **rows: NDArray[Any]) -> None:
        for name, row in rows.items():
            self._rows.setdefault(name, []).append(np.array(row, np.float64))

    def stacked(self) -> dict[str, Any]:
        return {name: np.stack(rows) for name, rows in self._rows.items()}
