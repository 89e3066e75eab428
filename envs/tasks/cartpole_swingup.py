"""CartpoleSwingup: a motor on a rail is to swing a free pole up and keep it there."""

from __future__ import annotations

from importlib import resources

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..domain.streams import EpisodeDraws
from ..options import NotNegative
from ..physics.fidelity import Fidelity
from ..physics.physics import Physics
from .states import quiet
from .task import Ids, Measured

__all__ = ["CartpoleSwingup"]

Array = NDArray[np.float64]


class CartpoleSwingup:
    """A cart with a free pole that starts hanging; its numbers' sources: assets/cartpole_swingup.xml.

    Observation (5,):

    | index | entry | range | unit |
    |---|---|---|---|
    | 0 | position of the cart | -2.4..2.4 | m |
    | 1 | cosine of the pole's angle (1: upright) | -1..1 | 1 |
    | 2 | sine of the pole's angle | -1..1 | 1 |
    | 3 | velocity of the cart | -inf..inf | m/s |
    | 4 | angular velocity of the pole | -inf..inf | rad/s |

    Action (1,): motor torque, -1..1, in units of its limit of 0.5 N m (10 N at the cart).

    Reward per step: `reward_upright` = (1 + cos angle) / 2, `reward_centered` = -0.05 (x / 1 m)^2,
    `reward_spin` = -0.005 (angular velocity / 1 rad/s)^2, without which turning round and round pays half of
    what standing still does, and `reward_ctrl` = -0.01 action^2.

    Start: hanging within +-reset_noise_scale rad, cart and velocities within the same number of their units.
    End: never terminated (the rail has stops); truncated after 500 steps of 20 ms.

    Cheap fidelity: implicitfast with 2 substeps of 10 ms instead of 4 RK4 steps of 5 ms.
    """

    frame_skip = 4
    max_episode_steps = 500
    cheap = Fidelity(integrator="implicitfast", sim_dt=0.01)

    def __init__(
        self,
        *,
        centered_weight: float = 0.05,
        spin_weight: float = 0.005,
        ctrl_weight: float = 0.01,
        reset_noise_scale: NotNegative = 0.1,
    ) -> None:
        """Set the weights of the costs and the spread of initial states."""
        self._centered_weight = centered_weight
        self._spin_weight = spin_weight
        self._ctrl_weight = ctrl_weight
        self._reset_noise_scale = reset_noise_scale

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Return the name of every entry of the observation."""
        return ("qpos.slider", "cos.hinge", "sin.hinge", "qvel.slider", "qvel.hinge")

    def spec(self) -> mujoco.MjSpec:
        """Return the model in assets/."""
        asset = resources.files("envs.tasks") / "assets" / "cartpole_swingup.xml"
        return mujoco.MjSpec.from_string(asset.read_text(encoding="utf-8"))

    def reset(self, physics: Physics, ids: Ids, draws: EpisodeDraws) -> None:
        """Hang the pole down, with noise."""
        noise = draws.uniform(-self._reset_noise_scale, self._reset_noise_scale, 4)
        physics.qpos[ids] = noise[:, :2] + (0.0, np.pi)
        physics.qvel[ids] = noise[:, 2:]

    @quiet
    def observe(self, physics: Physics) -> Array:
        """Return the five entries, (num_envs, 5)."""
        (x, angle), (v, omega) = physics.qpos.T, physics.qvel.T
        return np.stack((x, np.cos(angle), np.sin(angle), v, omega), axis=1)

    def measure(self, physics: Physics) -> Measured:
        """Return nothing: no term compares before and after."""
        return {}

    @quiet
    def reward(
        self, before: Measured, after: Measured, physics: Physics, action: NDArray[np.floating]
    ) -> dict[str, Array]:
        """Return the four terms."""
        x, angle = physics.qpos.T
        return {
            "reward_upright": (1 + np.cos(angle)) / 2,
            "reward_centered": -self._centered_weight * np.square(x),
            "reward_spin": -self._spin_weight * np.square(physics.qvel[:, 1]),
            "reward_ctrl": -self._ctrl_weight * np.sum(np.square(action), axis=1),
        }

    @quiet
    def info(self, before: Measured, after: Measured, physics: Physics) -> dict[str, Array]:
        """Return the cosine of the pole's angle."""
        return {"cos_angle": np.cos(physics.qpos[:, 1])}

    def terminated(self, physics: Physics) -> NDArray[np.bool_]:
        """Return False for every world."""
        return np.zeros(physics.num_envs, np.bool_)
