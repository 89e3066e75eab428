"""InvertedPendulum: a cart on a rail is to keep a pole upright."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..domain.streams import EpisodeDraws
from ..options import NotNegative
from ..physics.fidelity import Fidelity
from ..physics.physics import Physics
from .gymnasium_assets import gymnasium_spec
from .starts import add_uniform_position, add_uniform_velocity
from .task import Ids, Measured

__all__ = ["InvertedPendulum"]

Array = NDArray[np.float64]
_LARGEST_ANGLE = 0.2  # rad


class InvertedPendulum:
    """Gymnasium's InvertedPendulum-v5, for many worlds at once; equal to it at the nominal domain and fidelity.

    Observation (4,):

    | index | entry | range | unit |
    |---|---|---|---|
    | 0 | position of the cart | -1..1 (the rail's stops) | m |
    | 1 | angle of the pole (0: upright) | -pi/2..pi/2 (the hinge's stops) | rad |
    | 2 | velocity of the cart | -inf..inf | m/s |
    | 3 | angular velocity of the pole | -inf..inf | rad/s |

    Action (1,): force on the cart, -3..3, in units of 100 N.

    Reward: `reward_survive` = 1 while the pole is up.

    Start: upright and at rest, each entry plus uniform noise of +-reset_noise_scale.
    End: terminated when the pole leans by more than 0.2 rad, unless `terminate_when_unhealthy` (not one of
    Gymnasium's options) is False; truncated after 1,000 steps.

    Cheap fidelity: implicitfast with one step of 40 ms instead of RK4 with 2 x 20 ms.
    """

    frame_skip = 2
    max_episode_steps = 1000
    cheap = Fidelity(integrator="implicitfast", sim_dt=0.04)

    def __init__(self, *, reset_noise_scale: NotNegative = 0.01, terminate_when_unhealthy: bool = True) -> None:
        """Take Gymnasium's own option, with its default, and whether a fallen pole ends the episode."""
        self._reset_noise_scale = reset_noise_scale
        self._terminate_when_unhealthy = terminate_when_unhealthy

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Return the name of every entry of the observation."""
        return ("qpos.slider", "qpos.hinge", "qvel.slider", "qvel.hinge")

    def spec(self) -> mujoco.MjSpec:
        """Return Gymnasium's model."""
        return gymnasium_spec("inverted_pendulum.xml")

    def reset(self, physics: Physics, ids: Ids, draws: EpisodeDraws) -> None:
        """Add uniform noise to the upright pole at rest."""
        add_uniform_position(physics, ids, draws, self._reset_noise_scale)
        add_uniform_velocity(physics, ids, draws, self._reset_noise_scale)

    def observe(self, physics: Physics) -> Array:
        """Return positions and velocities, (num_envs, 4)."""
        return np.concatenate((physics.qpos, physics.qvel), axis=1)

    def measure(self, physics: Physics) -> Measured:
        """Return nothing: no term compares before and after."""
        return {}

    def reward(
        self, before: Measured, after: Measured, physics: Physics, action: NDArray[np.floating]
    ) -> dict[str, Array]:
        """Return the one term."""
        return {"reward_survive": np.where(self._fallen(physics), 0.0, 1.0)}

    def info(self, before: Measured, after: Measured, physics: Physics) -> dict[str, Array]:
        """Return nothing more."""
        return {}

    def terminated(self, physics: Physics) -> NDArray[np.bool_]:
        """Return in which worlds the pole has fallen, unless that is not to end an episode."""
        fallen = self._fallen(physics)
        return fallen if self._terminate_when_unhealthy else np.zeros_like(fallen)

    def _fallen(self, physics: Physics) -> NDArray[np.bool_]:
        finite = np.isfinite(physics.qpos).all(axis=1) & np.isfinite(physics.qvel).all(axis=1)
        fallen: NDArray[np.bool_] = ~finite | (np.abs(physics.qpos[:, 1]) > _LARGEST_ANGLE)
        return fallen
