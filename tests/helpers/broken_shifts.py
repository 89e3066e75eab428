"""Shifts that look right and are not, as they are found in published code, and wrappers that do what they say.

Each function returns a factory (num_envs, seed) -> worlds of the hopper.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import mujoco
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper

from envs import DomainVectorEnv, make_vec

Factory = Callable[[int, int], VectorEnv[Any, Any, Any]]


def hopper(num_envs: int, seed: int, parameters: dict[str, Any] | None = None, **task_kwargs: Any) -> DomainVectorEnv:
    """Return hoppers at the cheap fidelity, as a check takes thousands of steps."""
    return make_vec(
        "hopper",
        num_envs=num_envs,
        seed=seed,
        domain={"fidelity": "cheap", "parameters": parameters or {}},
        num_threads=1,
        max_episode_steps=None,
        autoreset_mode=AutoresetMode.DISABLED,
        **task_kwargs,
    )


def shifted(task_kwargs: dict[str, Any] | None = None, **parameters: Any) -> Factory:
    """The real thing."""
    return lambda num_envs, seed: hopper(num_envs, seed, parameters, **task_kwargs or {})


def robot_only_friction(value: float) -> Factory:
    """Sets the friction of the robot's geoms; that of the floor, which is larger, stays."""

    def make(num_envs: int, seed: int) -> DomainVectorEnv:
        env = hopper(num_envs, seed)
        robot = np.flatnonzero(env.physics.model.geom_bodyid > 0)
        env.physics.expand("geom_friction")[:, robot, 0] = value
        return env

    return make


def mass_without_inertia(factor: float) -> Factory:
    """Scales body_mass, and forgets that a heavier body is harder to turn."""

    def make(num_envs: int, seed: int) -> DomainVectorEnv:
        env = hopper(num_envs, seed)
        env.physics.expand("body_mass")[:] *= factor
        env.physics.set_const(np.arange(num_envs), ["body_mass"])
        return env

    return make


def stale_constants(factor: float) -> Factory:
    """Scales mass and inertia, and leaves what MuJoCo derives from them as it was."""

    def make(num_envs: int, seed: int) -> DomainVectorEnv:
        env = hopper(num_envs, seed)
        env.physics.expand("body_mass")[:] *= factor
        env.physics.expand("body_inertia")[:] *= factor
        return env

    return make


def edited_copy(factor: float) -> Factory:
    """Scales the masses of a model; the worlds run on another."""

    def make(num_envs: int, seed: int) -> DomainVectorEnv:
        env = hopper(num_envs, seed)
        for world in range(num_envs):
            model, _ = env.physics.world(world)
            model.body_mass[:] *= factor
            model.body_inertia[:] *= factor
        return env

    return make


def edited_spec(factor: float) -> Factory:
    """Scales the joints' damping in the task's spec, after the worlds were compiled from it."""

    def make(num_envs: int, seed: int) -> DomainVectorEnv:
        env = hopper(num_envs, seed)
        spec: mujoco.MjSpec = env.task.spec()
        for joint in spec.joints:
            joint.damping = np.asarray(joint.damping) * factor
        env.task.edited = spec
        return env

    return make


class _Gravity(VectorWrapper):
    gravity = 9.81


def attribute_on_wrapper(gravity: float) -> Factory:
    """Sets `env.gravity`, on a wrapper whose worlds have no such thing."""

    def make(num_envs: int, seed: int) -> VectorEnv[Any, Any, Any]:
        env = _Gravity(hopper(num_envs, seed))
        env.gravity = gravity
        return env

    return make


class _Delay(VectorWrapper):
    """Delays actions and observations by fixed numbers of control steps."""

    def __init__(self, env: VectorEnv[Any, Any, Any], action: int, observation: int) -> None:
        super().__init__(env)
        self._action, self._observation = action, observation
        self._actions: deque[Any] = deque()
        self._readings: deque[Any] = deque()

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        obs, info = self.env.reset(seed=seed, options=options)
        rest = np.zeros(self.action_space.shape or (), np.float32)
        self._actions = deque([rest] * self._action)
        self._readings = deque([obs.copy() for _ in range(self._observation)])
        return obs, info

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        self._actions.append(np.array(actions))
        obs, *rest, info = self.env.step(self._actions.popleft())
        self._readings.append(obs)
        return self._readings.popleft(), *rest, info


def delayed(action: int = 0, observation: int = 0, make: Factory = hopper) -> Factory:
    """Delays right if asked for the number intended, and off by one if asked for another."""
    return lambda num_envs, seed: _Delay(make(num_envs, seed), action, observation)


class Extra(VectorWrapper):
    """Does something beside what the worlds within do: to actions, readings, rewards or ends, or before a step."""

    def __init__(
        self,
        env: VectorEnv[Any, Any, Any],
        *,
        act: Callable[[Any], Any] | None = None,
        obs: Callable[[Any], Any] | None = None,
        reward: Callable[[Any], Any] | None = None,
        end: Callable[[Any], Any] | None = None,
        pre: Callable[[DomainVectorEnv], None] | None = None,
        at_reset: bool = True,
    ) -> None:
        super().__init__(env)
        self._act, self._obs, self._reward, self._end, self._pre = act, obs, reward, end, pre
        self._at_reset = at_reset

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        rows, info = self.env.reset(seed=seed, options=options)
        return (self._obs(rows) if self._obs and self._at_reset else rows), info

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        if self._pre:
            self._pre(self.env.unwrapped)
        rows, reward, terminated, truncated, info = self.env.step(self._act(actions) if self._act else actions)
        ended = terminated | self._end(rows) if self._end else terminated
        return (
            self._obs(rows) if self._obs else rows,
            self._reward(reward) if self._reward else reward,
            ended,
            truncated,
            info,
        )


def edited(make: Factory, edit: Callable[[DomainVectorEnv], None]) -> Factory:
    """Does what `make` does, once `edit` has had its way with the worlds."""

    def build(num_envs: int, seed: int) -> DomainVectorEnv:
        env = make(num_envs, seed)
        assert isinstance(env, DomainVectorEnv)
        edit(env)
        return env

    return build


def schedule(parameters: dict[str, Any], late: int | None = 0, profile: Any = None) -> Factory:
    """Moves parameters within the episode `late` steps behind their schedule; None: not at all.

    `profile`: how they move in truth, all of them; None: as they should.
    """

    def make(num_envs: int, seed: int) -> DomainVectorEnv:
        env = hopper(num_envs, seed, parameters)
        advance = env.worlds.advance
        if profile is not None:
            env.worlds._timed = [(column, profile) for column, _ in env.worlds._timed]

        def advance_late(elapsed: Any, active: Any) -> None:
            if late is not None:
                advance(np.maximum(elapsed - late, 0), active)

        env.worlds.advance = advance_late
        return env

    return make


def faulty(make: Factory, worlds: int, at: int) -> Factory:
    """Does what `make` does, and lets the first `worlds` explode in step `at` of every episode."""

    def exploding(num_envs: int, seed: int) -> DomainVectorEnv:
        env = make(num_envs, seed)
        assert isinstance(env, DomainVectorEnv)
        step = env.physics.step

        def step_badly(ctrl: Any, active: Any = None) -> Any:
            due = (env._elapsed == at) & (np.arange(num_envs) < worlds)
            return step(ctrl, active) | due

        env.physics.step = step_badly
        return env

    return exploding


def constants_of_the_start(parameters: dict[str, Any]) -> Factory:
    """Moves masses within the episode, and leaves what MuJoCo derives from them as it was when the episode began."""

    def make(num_envs: int, seed: int) -> DomainVectorEnv:
        env = hopper(num_envs, seed, parameters)
        set_const, advance = env.physics.set_const, env.worlds.advance

        def advance_alone(elapsed: Any, active: Any) -> None:
            env.physics.set_const = lambda ids, fields: None
            advance(elapsed, active)
            env.physics.set_const = set_const

        env.worlds.advance = advance_alone
        return env

    return make


def also(field: str, factor: float, make: Factory) -> Factory:
    """Does what `make` does, and multiplies another field of the model, unsaid."""

    def edited(num_envs: int, seed: int) -> DomainVectorEnv:
        env = make(num_envs, seed)
        assert isinstance(env, DomainVectorEnv)
        env.physics.expand(field)[:] *= factor
        env.physics.set_const(np.arange(num_envs), [field])
        return env

    return edited
