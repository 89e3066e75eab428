"""Reacher: a planar arm of two links is to bring its tip to a target and hold it there."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..domain.streams import EpisodeDraws
from ..physics.fidelity import Fidelity
from ..physics.physics import Physics
from .gymnasium_assets import gymnasium_spec
from .states import length, quiet
from .task import Ids, Measured

__all__ = ["Reacher"]

Array = NDArray[np.float64]
_ANGLE_NOISE, _VELOCITY_NOISE = 0.1, 0.005  # rad, rad/s
_REACH = 0.2  # m: targets lie within this distance of the shoulder


class Reacher:
    """Gymnasium's Reacher-v5, for many worlds at once; equal to it at the nominal domain and fidelity.

    Observation (10,):

    | index | entry | range | unit |
    |---|---|---|---|
    | 0-1 | cosines of the first and second joint's angle | -1..1 | 1 |
    | 2-3 | sines of the same | -1..1 | 1 |
    | 4-5 | x, y of the target | -0.2..0.2 | m |
    | 6-7 | angular velocities of the joints | -inf..inf | rad/s |
    | 8-9 | x, y of the fingertip, seen from the target | -0.42..0.42 | m |

    Action (2,): torques at the joints, -1..1, in units of 200 N m.

    Reward: `reward_dist` = -reward_dist_weight x distance of fingertip and target (m) + `reward_ctrl` =
    -reward_control_weight x |action|^2. The fingertip is, as in Gymnasium, where MuJoCo computed it last: in the
    last RK4 stage, inside the last substep.

    Start: joints within +-0.1 rad of straight, their velocities within +-0.005 rad/s, the target anywhere in a disc
    of 0.2 m around the shoulder, all uniform.
    End: never terminated; truncated after 50 steps.

    Cheap fidelity: implicitfast with one step of 20 ms instead of RK4 with 2 x 10 ms.
    """

    frame_skip = 2
    max_episode_steps = 50
    cheap = Fidelity(integrator="implicitfast", sim_dt=0.02)

    def __init__(self, *, reward_dist_weight: float = 1.0, reward_control_weight: float = 1.0) -> None:
        """Take Gymnasium's own options, with its defaults."""
        self._reward_dist_weight = reward_dist_weight
        self._reward_control_weight = reward_control_weight

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Return the name of every entry of the observation."""
        angles = ("cos.joint0", "cos.joint1", "sin.joint0", "sin.joint1")
        target = ("qpos.target_x", "qpos.target_y")
        return (*angles, *target, "qvel.joint0", "qvel.joint1", "tip_from_target.x", "tip_from_target.y")

    def spec(self) -> mujoco.MjSpec:
        """Return Gymnasium's model."""
        return gymnasium_spec("reacher.xml")

    def reset(self, physics: Physics, ids: Ids, draws: EpisodeDraws) -> None:
        """Draw pose, velocities and target; the square root makes targets uniform over the disc's area."""
        radius, turn = draws.random(2).T
        radius, turn = _REACH * np.sqrt(radius), 2 * np.pi * turn
        physics.qpos[ids, :2] += draws.uniform(-_ANGLE_NOISE, _ANGLE_NOISE, 2)
        physics.qpos[ids, 2:] = np.stack((radius * np.cos(turn), radius * np.sin(turn)), axis=1)
        physics.qvel[ids, :2] += draws.uniform(-_VELOCITY_NOISE, _VELOCITY_NOISE, 2)

    @quiet
    def observe(self, physics: Physics) -> Array:
        """Return the ten entries, (num_envs, 10)."""
        angles, target = physics.qpos[:, :2], physics.qpos[:, 2:]
        tip = self._tip_from_target(physics)[:, :2]
        return np.concatenate((np.cos(angles), np.sin(angles), target, physics.qvel[:, :2], tip), axis=1)

    def measure(self, physics: Physics) -> Measured:
        """Return nothing: no term compares before and after; ask for what the others read after the next step."""
        physics.bind("xpos")
        return {}

    @quiet
    def reward(
        self, before: Measured, after: Measured, physics: Physics, action: NDArray[np.floating]
    ) -> dict[str, Array]:
        """Return the terms of the reward in Gymnasium's order of summation."""
        return {
            "reward_dist": -length(self._tip_from_target(physics)) * self._reward_dist_weight,
            "reward_ctrl": -np.square(action).sum(axis=1) * self._reward_control_weight,
        }

    def info(self, before: Measured, after: Measured, physics: Physics) -> dict[str, Array]:
        """Return nothing more."""
        return {}

    def terminated(self, physics: Physics) -> NDArray[np.bool_]:
        """Return False for every world."""
        return np.zeros(physics.num_envs, np.bool_)

    @quiet
    def _tip_from_target(self, physics: Physics) -> Array:
        """Return the vector from target to fingertip, (num_envs, 3), m."""
        xpos, body = physics.bind("xpos"), physics.model.body
        offset: Array = xpos[:, body("fingertip").id] - xpos[:, body("target").id]
        return offset
