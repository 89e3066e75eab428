"""HalfCheetah: a planar two-legged runner that is to run forward as fast as it can."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..fidelity import Fidelity
from ..options import NotNegative
from ..physics import Physics
from ..streams import EpisodeDraws
from ..task import Ids, Measured
from .gymnasium_assets import gymnasium_spec

__all__ = ["HalfCheetah"]

Array = NDArray[np.float64]


class HalfCheetah:
    """Gymnasium's HalfCheetah-v5, for many worlds at once; equal to it at the nominal domain and fidelity.

    Observation (17,), `x` left out unless `exclude_current_positions_from_observation` is False:

    | index | entry | range | unit |
    |---|---|---|---|
    | 0 | z of the front tip | -inf..inf | m |
    | 1 | angle of the torso | -inf..inf | rad |
    | 2-4 | angles of back thigh, shin, foot | -inf..inf | rad |
    | 5-7 | angles of front thigh, shin, foot | -inf..inf | rad |
    | 8-9 | velocity of the torso in x, z | -inf..inf | m/s |
    | 10 | angular velocity of the torso | -inf..inf | rad/s |
    | 11-16 | angular velocities of the joints, in the order of 2-7 | -inf..inf | rad/s |

    Action (6,): torques at back thigh, shin, foot and front thigh, shin, foot, -1..1, in units of
    120, 90, 60, 120, 60, 30 N m.

    Reward: `reward_forward` = weight x velocity in x (m/s) - ctrl_cost_weight x |action|^2 (`reward_ctrl`).

    Start: default pose plus uniform noise of +-reset_noise_scale; velocities normal with that sd.
    End: never terminated; truncated after 1,000 steps.

    Cheap fidelity: implicitfast with 2 substeps of 25 ms instead of 5 Euler steps of 10 ms.
    """

    frame_skip = 5
    max_episode_steps = 1000
    cheap = Fidelity(integrator="implicitfast", sim_dt=0.025)

    def __init__(
        self,
        *,
        forward_reward_weight: float = 1.0,
        ctrl_cost_weight: float = 0.1,
        reset_noise_scale: NotNegative = 0.1,
        exclude_current_positions_from_observation: bool = True,
    ) -> None:
        """Take Gymnasium's own options, with its defaults."""
        self._forward_reward_weight = forward_reward_weight
        self._ctrl_cost_weight = ctrl_cost_weight
        self._reset_noise_scale = reset_noise_scale
        self._skip = int(exclude_current_positions_from_observation)

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Return the name of every entry of the observation."""
        legs = ("bthigh", "bshin", "bfoot", "fthigh", "fshin", "ffoot")
        joints = ("rootx", "rootz", "rooty", *legs)
        return tuple(f"qpos.{j}" for j in joints[self._skip :]) + tuple(f"qvel.{j}" for j in joints)

    def spec(self) -> mujoco.MjSpec:
        """Return Gymnasium's model."""
        return gymnasium_spec("half_cheetah.xml")

    def reset(self, physics: Physics, ids: Ids, draws: EpisodeDraws) -> None:
        """Add uniform noise to the default pose and normal noise to the velocities."""
        scale = self._reset_noise_scale
        physics.qpos[ids] += draws.uniform(-scale, scale, physics.model.nq)
        physics.qvel[ids] += scale * draws.standard_normal(physics.model.nv)

    def observe(self, physics: Physics) -> Array:
        """Return positions and velocities, (num_envs, 17)."""
        return np.concatenate((physics.qpos[:, self._skip :], physics.qvel), axis=1)

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
            "reward_ctrl": -(self._ctrl_cost_weight * np.sum(np.square(action), axis=1)),
        }

    def info(self, before: Measured, after: Measured, physics: Physics) -> dict[str, Array]:
        """Return position (m) and velocity (m/s)."""
        position = after["x_position"]
        return {"x_position": position, "x_velocity": (position - before["x_position"]) / physics.ctrl_dt}

    def terminated(self, physics: Physics) -> NDArray[np.bool_]:
        """Return False for every world."""
        return np.zeros(physics.num_envs, np.bool_)
