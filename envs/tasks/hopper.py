"""Hopper: a one-legged figure that is to hop forward as fast as it can without falling."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..fidelity import Fidelity
from ..options import NotNegative, Range
from ..physics import Physics
from ..streams import EpisodeDraws
from ..task import Ids, Measured
from .gymnasium_assets import gymnasium_spec

__all__ = ["Hopper"]

Array = NDArray[np.float64]


class Hopper:
    """Gymnasium's Hopper-v5, for many worlds at once; equal to it at the nominal domain and fidelity.

    Observation (11,), `x` left out unless `exclude_current_positions_from_observation` is False:

    | index | entry | range | unit |
    |---|---|---|---|
    | 0 | z of the torso | -inf..inf | m |
    | 1 | angle of the torso | -inf..inf | rad |
    | 2-4 | angles of thigh, leg, foot | -inf..inf | rad |
    | 5-6 | velocity of the torso in x, z | -10..10 | m/s |
    | 7 | angular velocity of the torso | -10..10 | rad/s |
    | 8-10 | angular velocities of thigh, leg, foot | -10..10 | rad/s |

    Action (3,): torques at thigh, leg and foot, -1..1, in units of 200 N m.

    Reward: `reward_forward` = weight x velocity in x (m/s) + `reward_survive` = healthy_reward while healthy
    - ctrl_cost_weight x |action|^2 (`reward_ctrl`).

    Start: the model's default pose and zero velocity, each entry plus uniform noise of +-reset_noise_scale.
    End: terminated when unhealthy (height, angle or any state entry outside its range); truncated after 1,000
    steps.

    Cheap fidelity: implicitfast with the timestep doubled to 4 ms, 2 substeps, instead of RK4 with 4 x 2 ms.
    """

    frame_skip = 4
    max_episode_steps = 1000
    cheap = Fidelity(integrator="implicitfast", sim_dt=0.004)

    def __init__(
        self,
        *,
        forward_reward_weight: float = 1.0,
        ctrl_cost_weight: float = 1e-3,
        healthy_reward: float = 1.0,
        terminate_when_unhealthy: bool = True,
        healthy_state_range: Range = (-100.0, 100.0),
        healthy_z_range: Range = (0.7, float("inf")),
        healthy_angle_range: Range = (-0.2, 0.2),
        reset_noise_scale: NotNegative = 5e-3,
        exclude_current_positions_from_observation: bool = True,
    ) -> None:
        """Take Gymnasium's own options, with its defaults."""
        self._forward_reward_weight = forward_reward_weight
        self._ctrl_cost_weight = ctrl_cost_weight
        self._healthy_reward = healthy_reward
        self._terminate_when_unhealthy = terminate_when_unhealthy
        self._healthy_low, self._healthy_high = _bounds(healthy_state_range, healthy_z_range, healthy_angle_range)
        self._reset_noise_scale = reset_noise_scale
        self._skip = int(exclude_current_positions_from_observation)

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Return the name of every entry of the observation."""
        joints = ("rootx", "rootz", "rooty", "thigh_joint", "leg_joint", "foot_joint")
        return tuple(f"qpos.{j}" for j in joints[self._skip :]) + tuple(f"qvel.{j}" for j in joints)

    def spec(self) -> mujoco.MjSpec:
        """Return Gymnasium's model."""
        return gymnasium_spec("hopper.xml")

    def reset(self, physics: Physics, ids: Ids, draws: EpisodeDraws) -> None:
        """Add uniform noise to the default pose."""
        scale, nq, nv = self._reset_noise_scale, physics.model.nq, physics.model.nv
        noise = draws.uniform(-scale, scale, nq + nv)
        physics.qpos[ids] += noise[:, :nq]
        physics.qvel[ids] += noise[:, nq:]

    def observe(self, physics: Physics) -> Array:
        """Return positions and clipped velocities, (num_envs, 11)."""
        velocity = np.clip(physics.qvel, -10, 10)
        return np.concatenate((physics.qpos[:, self._skip :], velocity), axis=1)

    def measure(self, physics: Physics) -> Measured:
        """Return the position in x, m."""
        return {"x_position": physics.qpos[:, 0].copy()}

    def reward(
        self, before: Measured, after: Measured, physics: Physics, action: NDArray[np.floating]
    ) -> dict[str, Array]:
        """Return the terms of the reward in Gymnasium's order of summation."""
        velocity = (after["x_position"] - before["x_position"]) / physics.ctrl_dt
        return {
            "reward_forward": self._forward_reward_weight * velocity,
            "reward_survive": self._healthy(physics) * self._healthy_reward,
            "reward_ctrl": -(self._ctrl_cost_weight * np.sum(np.square(action), axis=1)),
        }

    def info(self, before: Measured, after: Measured, physics: Physics) -> dict[str, Array]:
        """Return position (m), height above the start (m) and velocity (m/s)."""
        return {
            "x_position": after["x_position"],
            "z_distance_from_origin": physics.qpos[:, 1] - physics.model.qpos0[1],
            "x_velocity": (after["x_position"] - before["x_position"]) / physics.ctrl_dt,
        }

    def terminated(self, physics: Physics) -> NDArray[np.bool_]:
        """Return which worlds are unhealthy, unless that is not to end an episode."""
        if not self._terminate_when_unhealthy:
            return np.zeros(physics.num_envs, np.bool_)
        return ~self._healthy(physics)

    def _healthy(self, physics: Physics) -> NDArray[np.bool_]:
        low, high = self._healthy_low, self._healthy_high
        state = np.concatenate((physics.qpos[:, 1:], physics.qvel), axis=1)
        healthy: NDArray[np.bool_] = np.all((low < state) & (state < high), axis=1)
        return healthy


def _bounds(state: Range, z: Range, angle: Range) -> tuple[Array, Array]:
    """Return the open bounds of a healthy (z, angle, joint angles, velocities), (11,) each.

    Gymnasium checks the angle against both its own range and the state's, and no velocity is left out.
    """
    low, high = np.full(11, state[0]), np.full(11, state[1])
    low[0], high[0] = z
    low[1], high[1] = max(state[0], angle[0]), min(state[1], angle[1])
    return low, high
