"""InvertedDoublePendulum: a cart on a rail is to keep two poles, one on top of the other, upright."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..domain.streams import EpisodeDraws
from ..options import NotNegative
from ..physics.fidelity import Fidelity
from ..physics.physics import Physics
from .gymnasium_assets import gymnasium_spec
from .starts import add_normal_velocity, add_uniform_position
from .states import quiet
from .task import Ids, Measured

__all__ = ["InvertedDoublePendulum"]

Array = NDArray[np.float64]
_LARGEST = 10.0  # where observed velocities (m/s, rad/s) and the force (N) are clipped
_FALLEN, _UPRIGHT = 1.0, 2.0  # m: height of the tip at which it counts as fallen, and aimed at


class InvertedDoublePendulum:
    """Gymnasium's InvertedDoublePendulum-v5, for many worlds at once; equal to it at the nominal domain and fidelity.

    Observation (9,):

    | index | entry | range | unit |
    |---|---|---|---|
    | 0 | position of the cart | -1..1 (the rail's stops) | m |
    | 1-2 | sine of the lower pole's angle, and of the upper's against the lower | -1..1 | 1 |
    | 3-4 | cosine of the same two | -1..1 | 1 |
    | 5 | velocity of the cart | -10..10 | m/s |
    | 6-7 | angular velocities of the poles | -10..10 | rad/s |
    | 8 | force of the rail's stops on the cart, 0 away from them | -10..10 | N |

    Action (1,): force on the cart, -1..1, in units of 500 N.

    Reward: `reward_survive` = healthy_reward while the tip is above 1 m + `reward_distance` = -(0.01 x^2 +
    (y - 2)^2) of the tip at (x, y) m + `reward_velocity` = -(0.001 v1^2 + 0.005 v2^2) of the poles' angular
    velocities, rad/s. Gymnasium reports the last two as `distance_penalty` and `velocity_penalty`; so does info.
    Tip and force are, as in Gymnasium, those MuJoCo computed last: of the last RK4 stage, inside the last substep.

    Start: upright and at rest; positions plus uniform noise of +-reset_noise_scale, velocities normal with that sd.
    End: terminated when the tip is at or below 1 m, unless `terminate_when_unhealthy` (not one of Gymnasium's
    options) is False; truncated after 1,000 steps.

    Cheap fidelity: implicitfast with 2 steps of 25 ms instead of RK4 with 5 x 10 ms. Poles that have fallen and go on
    (`terminate_when_unhealthy` False) may diverge at it.
    """

    frame_skip = 5
    max_episode_steps = 1000
    cheap = Fidelity(integrator="implicitfast", sim_dt=0.025)

    def __init__(
        self,
        *,
        healthy_reward: float = 10.0,
        reset_noise_scale: NotNegative = 0.1,
        terminate_when_unhealthy: bool = True,
    ) -> None:
        """Take Gymnasium's own options, with its defaults, and whether a fallen tip ends the episode."""
        self._healthy_reward = healthy_reward
        self._reset_noise_scale = reset_noise_scale
        self._terminate_when_unhealthy = terminate_when_unhealthy

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Return the name of every entry of the observation."""
        poles = ("sin.hinge", "sin.hinge2", "cos.hinge", "cos.hinge2")
        return ("qpos.slider", *poles, "qvel.slider", "qvel.hinge", "qvel.hinge2", "qfrc_constraint.slider")

    def spec(self) -> mujoco.MjSpec:
        """Return Gymnasium's model."""
        return gymnasium_spec("inverted_double_pendulum.xml")

    def reset(self, physics: Physics, ids: Ids, draws: EpisodeDraws) -> None:
        """Add uniform noise to the upright pose and normal noise to the velocities."""
        add_uniform_position(physics, ids, draws, self._reset_noise_scale)
        add_normal_velocity(physics, ids, draws, self._reset_noise_scale)

    @quiet
    def observe(self, physics: Physics) -> Array:
        """Return the nine entries, (num_envs, 9)."""
        angles = physics.qpos[:, 1:]
        velocity = np.clip(physics.qvel, -_LARGEST, _LARGEST)
        force = np.clip(physics.bind("qfrc_constraint")[:, :1], -_LARGEST, _LARGEST)
        return np.concatenate((physics.qpos[:, :1], np.sin(angles), np.cos(angles), velocity, force), axis=1)

    def measure(self, physics: Physics) -> Measured:
        """Return nothing: no term compares before and after; ask for what the others read after the next step."""
        for field in ("site_xpos", "qfrc_constraint"):
            physics.bind(field)
        return {}

    def reward(
        self, before: Measured, after: Measured, physics: Physics, action: NDArray[np.floating]
    ) -> dict[str, Array]:
        """Return the terms of the reward in Gymnasium's order of summation."""
        _, y = self._tip(physics)
        distance, velocity = self._penalties(physics)
        survive = np.where(y <= _FALLEN, 0.0, self._healthy_reward)
        return {"reward_survive": survive, "reward_distance": distance, "reward_velocity": velocity}

    def info(self, before: Measured, after: Measured, physics: Physics) -> dict[str, Array]:
        """Return the two penalties under Gymnasium's names."""
        distance, velocity = self._penalties(physics)
        return {"distance_penalty": distance, "velocity_penalty": velocity}

    def terminated(self, physics: Physics) -> NDArray[np.bool_]:
        """Return in which worlds the tip has fallen, unless that is not to end an episode."""
        _, y = self._tip(physics)
        return np.asarray(y <= _FALLEN if self._terminate_when_unhealthy else np.zeros(len(y)), np.bool_)

    def _tip(self, physics: Physics) -> tuple[Array, Array]:
        """Return the tip's position along the rail and its height, (num_envs,) each, m."""
        tip = physics.bind("site_xpos")[:, 0]
        return tip[:, 0], tip[:, 2]

    @quiet
    def _penalties(self, physics: Physics) -> tuple[Array, Array]:
        """Return what the tip's distance from upright and the poles' velocities cost, (num_envs,) each."""
        x, y = self._tip(physics)
        _, v1, v2 = physics.qvel.T
        return -(0.01 * x**2 + (y - _UPRIGHT) ** 2), -(0.001 * v1**2 + 0.005 * v2**2)
