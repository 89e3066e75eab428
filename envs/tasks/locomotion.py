"""Locomotion: what all tasks share that pay for moving forward in x and charge for effort."""

from __future__ import annotations

from abc import ABC, abstractmethod

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..domain.streams import EpisodeDraws
from ..physics.physics import Physics
from .gymnasium_assets import gymnasium_spec
from .starts import add_uniform_position, add_uniform_velocity
from .states import length, quiet
from .task import Ids, Measured

__all__ = ["HealthyLocomotion", "Locomotion"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Locomotion:
    """Forward velocity is the reward, the square of the action its cost.

    Attributes:
        model_file: Gymnasium's model.
        position_names: name of every entry of qpos, (nq,).
        velocity_names: name of every entry of qvel, (nv,).
        axes: the directions, first entries of qpos, whose position and velocity are reported; the positions
            are what `exclude_current_positions_from_observation` leaves out.
        max_episode_steps: control steps after which an episode is truncated.
    """

    model_file: str
    position_names: tuple[str, ...]
    velocity_names: tuple[str, ...]
    axes: tuple[str, ...] = ("x",)
    max_episode_steps = 1000

    def __init__(
        self,
        *,
        forward_reward_weight: float,
        ctrl_cost_weight: float,
        reset_noise_scale: float,
        exclude_current_positions_from_observation: bool,
    ) -> None:
        """Take the options that all of Gymnasium's runners have."""
        self._forward_reward_weight = forward_reward_weight
        self._ctrl_cost_weight = ctrl_cost_weight
        self._reset_noise_scale = reset_noise_scale
        self._skip = len(self.axes) * exclude_current_positions_from_observation

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Return the name of every entry of the observation."""
        positions = tuple(f"qpos.{name}" for name in self.position_names[self._skip :])
        return positions + tuple(f"qvel.{name}" for name in self.velocity_names)

    def spec(self) -> mujoco.MjSpec:
        """Return Gymnasium's model."""
        return gymnasium_spec(self.model_file)

    def reset(self, physics: Physics, ids: Ids, draws: EpisodeDraws) -> None:
        """Add uniform noise to the default pose and to the velocities."""
        add_uniform_position(physics, ids, draws, self._reset_noise_scale)
        add_uniform_velocity(physics, ids, draws, self._reset_noise_scale)

    def observe(self, physics: Physics) -> Array:
        """Return positions and velocities, (num_envs, obs_dim)."""
        return np.concatenate((physics.qpos[:, self._skip :], physics.qvel), axis=1)

    def position(self, physics: Physics) -> Array:
        """Return the position along each of `axes` whose change is the velocity, (num_envs, n), m."""
        return physics.qpos[:, : len(self.axes)]

    def measure(self, physics: Physics) -> Measured:
        """Return the position along each axis, m."""
        position = self.position(physics)
        return {axis: position[:, i].copy() for i, axis in enumerate(self.axes)}

    @quiet
    def reward(
        self, before: Measured, after: Measured, physics: Physics, action: NDArray[np.floating]
    ) -> dict[str, Array]:
        """Return the terms of the reward in Gymnasium's order of summation."""
        velocity = (after["x"] - before["x"]) / physics.ctrl_dt
        return {
            "reward_forward": self._forward_reward_weight * velocity,
            "reward_ctrl": -(self._ctrl_cost_weight * np.sum(np.square(action), axis=1)),
        }

    @quiet
    def info(self, before: Measured, after: Measured, physics: Physics) -> dict[str, Array]:
        """Return what `reset_info` does and the velocity along each axis (m/s)."""
        velocities = {f"{axis}_velocity": (after[axis] - before[axis]) / physics.ctrl_dt for axis in self.axes}
        return self.reset_info(physics) | velocities

    @quiet
    def reset_info(self, physics: Physics) -> dict[str, Array]:
        """Return position (m) and, in the plane, the distance from the origin (m), each (num_envs,)."""
        info = {f"{axis}_position": physics.qpos[:, i].copy() for i, axis in enumerate(self.axes)}
        if len(self.axes) > 1:
            info["distance_from_origin"] = length(physics.qpos[:, :2])
        return info

    def terminated(self, physics: Physics) -> Mask:
        """Return False for every world."""
        return np.zeros(physics.num_envs, np.bool_)


class HealthyLocomotion(Locomotion, ABC):
    """Locomotion that pays for every step in health and, unless an option says otherwise, ends without it."""

    def __init__(
        self,
        *,
        healthy_reward: float,
        terminate_when_unhealthy: bool,
        forward_reward_weight: float,
        ctrl_cost_weight: float,
        reset_noise_scale: float,
        exclude_current_positions_from_observation: bool,
    ) -> None:
        """Take the options that all of Gymnasium's runners with a healthy state have."""
        super().__init__(
            forward_reward_weight=forward_reward_weight,
            ctrl_cost_weight=ctrl_cost_weight,
            reset_noise_scale=reset_noise_scale,
            exclude_current_positions_from_observation=exclude_current_positions_from_observation,
        )
        self._healthy_reward = healthy_reward
        self._terminate_when_unhealthy = terminate_when_unhealthy

    @abstractmethod
    def healthy(self, physics: Physics) -> Mask:
        """Return which worlds are healthy, (num_envs,)."""

    def reward(
        self, before: Measured, after: Measured, physics: Physics, action: NDArray[np.floating]
    ) -> dict[str, Array]:
        """Return the terms of the reward in Gymnasium's order of summation."""
        terms = super().reward(before, after, physics, action)
        survive = np.where(self.healthy(physics), self._healthy_reward, 0.0)
        return {"reward_forward": terms["reward_forward"], "reward_survive": survive, **terms}

    def terminated(self, physics: Physics) -> Mask:
        """Return which worlds are unhealthy, unless that is not to end an episode."""
        return ~self.healthy(physics) if self._terminate_when_unhealthy else super().terminated(physics)
