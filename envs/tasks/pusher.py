"""Pusher: an arm of seven joints is to push a cylinder on a table to a goal."""

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

__all__ = ["Pusher"]

Array = NDArray[np.float64]
_ARM = 7  # joints of the arm, the first entries of qpos and qvel
_VELOCITY_NOISE = 0.005  # rad/s
_LOW, _HIGH = np.array([-0.3, -0.2]), np.array([0.0, 0.2])  # m: where the cylinder starts, seen from the goal,
_FREE = 0.17  # m: but not nearer to it than this
_TRIES = 24  # draws of the start; 38 % fall into the disc that is left free, all of them once in 10^10 episodes
_POINTS = ("tips_arm", "object", "goal")


class Pusher:
    """Gymnasium's Pusher-v5, for many worlds at once; equal to it at the nominal domain and fidelity.

    Observation (23,):

    | index | entry | range | unit |
    |---|---|---|---|
    | 0-6 | angles: shoulder pan, lift, upper arm roll, elbow, forearm roll, wrist flex, roll | the joints' | rad |
    | 7-13 | angular velocities of the same | -inf..inf | rad/s |
    | 14-16 | x, y, z of the fingertips | -inf..inf | m |
    | 17-19 | x, y, z of the cylinder; z never changes | -inf..inf | m |
    | 20-22 | x, y, z of the goal; it never moves | 0.45, -0.05, -0.323 | m |

    Action (7,): torques at the joints, -2..2 N m.

    Reward: `reward_dist` = -reward_dist_weight x distance of cylinder and goal (m) + `reward_ctrl` =
    -reward_control_weight x |action|^2 + `reward_near` = -reward_near_weight x distance of cylinder and fingertips
    (m). All three points are, as in Gymnasium, where they were at the start of the last substep.

    Start: the model's pose, velocities of the arm within +-0.005 rad/s, the cylinder anywhere in a box of 0.3 x
    0.4 m beside the goal but not within 0.17 m of it, all uniform.
    End: never terminated; truncated after 100 steps.

    Cheap fidelity: implicitfast with 2 steps of 25 ms instead of 5 Euler steps of 10 ms. MuJoCo allows contacts no time
    constant below two steps, so they get 50 ms for the model's 20 ms, and a pushed cylinder moves about a quarter as
    far; configs/pusher.yaml makes up for that by less damping of the cylinder's slides in the source.
    """

    frame_skip = 5
    max_episode_steps = 100
    cheap = Fidelity(integrator="implicitfast", sim_dt=0.025)

    def __init__(
        self,
        *,
        reward_near_weight: float = 0.5,
        reward_dist_weight: float = 1.0,
        reward_control_weight: float = 0.1,
    ) -> None:
        """Take Gymnasium's own options, with its defaults."""
        self._reward_near_weight = reward_near_weight
        self._reward_dist_weight = reward_dist_weight
        self._reward_control_weight = reward_control_weight

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Return the name of every entry of the observation."""
        links = ("shoulder_pan", "shoulder_lift", "upper_arm_roll", "elbow_flex", "forearm_roll", "wrist_flex")
        joints = [f"r_{link}_joint" for link in (*links, "wrist_roll")]
        angles, velocities = ([f"{kind}.{joint}" for joint in joints] for kind in ("qpos", "qvel"))
        return (*angles, *velocities, *(f"xpos.{point}.{axis}" for point in _POINTS for axis in "xyz"))

    def spec(self) -> mujoco.MjSpec:
        """Return Gymnasium's model."""
        return gymnasium_spec("pusher_v5.xml")

    def reset(self, physics: Physics, ids: Ids, draws: EpisodeDraws) -> None:
        """Draw the arm's velocities and where the cylinder starts, seen from the goal; the goal is at 0."""
        physics.qpos[ids, _ARM:] = 0.0
        physics.qpos[ids, _ARM : _ARM + 2] = _draw_start(draws)
        physics.qvel[ids, :_ARM] += draws.uniform(-_VELOCITY_NOISE, _VELOCITY_NOISE, _ARM)

    def observe(self, physics: Physics) -> Array:
        """Return the 23 entries, (num_envs, 23)."""
        return np.concatenate((physics.qpos[:, :_ARM], physics.qvel[:, :_ARM], *self._points(physics)), axis=1)

    def measure(self, physics: Physics) -> Measured:
        """Return nothing: no term compares before and after; ask for what the others read after the next step."""
        physics.bind("xpos")
        return {}

    @quiet
    def reward(
        self, before: Measured, after: Measured, physics: Physics, action: NDArray[np.floating]
    ) -> dict[str, Array]:
        """Return the terms of the reward in Gymnasium's order of summation."""
        tips, cylinder, goal = self._points(physics)
        return {
            "reward_dist": -length(cylinder - goal) * self._reward_dist_weight,
            "reward_ctrl": -np.square(action).sum(axis=1) * self._reward_control_weight,
            "reward_near": -length(cylinder - tips) * self._reward_near_weight,
        }

    def info(self, before: Measured, after: Measured, physics: Physics) -> dict[str, Array]:
        """Return nothing more."""
        return {}

    def terminated(self, physics: Physics) -> NDArray[np.bool_]:
        """Return False for every world."""
        return np.zeros(physics.num_envs, np.bool_)

    def _points(self, physics: Physics) -> list[Array]:
        """Return where fingertips, cylinder and goal are, (num_envs, 3) each, m."""
        xpos = physics.bind("xpos")
        return [xpos[:, physics.model.body(point).id] for point in _POINTS]


def _draw_start(draws: EpisodeDraws) -> Array:
    """Return where the cylinder starts, seen from the goal, (n, 2), m: the first of the tries that is far enough.

    If none is, the last one is moved straight away from the goal until it is.
    """
    tries = _LOW + (_HIGH - _LOW) * draws.random(2 * _TRIES).reshape(-1, _TRIES, 2)
    distance = np.linalg.norm(tries, axis=2)
    far = distance > _FREE
    far[:, -1] = True
    first = np.argmax(far, axis=1)[:, None]
    chosen = np.take_along_axis(tries, first[:, :, None], axis=1)[:, 0]
    reached = np.take_along_axis(distance, first, axis=1)
    start: Array = chosen * np.maximum(1.0, np.nextafter(_FREE, 1.0) / np.maximum(reached, 1e-9))
    return start
