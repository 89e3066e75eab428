"""HumanoidStandup: a figure that lies on its back is to get its head up as far as it can."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..domain.streams import EpisodeDraws
from ..options import NotNegative, Range
from ..physics.fidelity import Fidelity
from ..physics.physics import Physics
from .gymnasium_assets import gymnasium_spec
from .humanoid_body import HumanoidBody
from .starts import add_uniform_position, add_uniform_velocity
from .states import quiet
from .task import Ids, Measured

__all__ = ["HumanoidStandup"]

Array = NDArray[np.float64]
_TIMESTEP = 0.003  # s: the model's; Gymnasium's reward divides by it, so that it must not follow the fidelity


class HumanoidStandup:
    """Gymnasium's HumanoidStandup-v5, but for contact forces, for many worlds at once; equal at nominal fidelity.

    Contact forces are computed only for what uses them, so that `include_cfrc_ext_in_observation` is False and
    `impact_cost_weight` 0 by default; all else are Gymnasium's defaults, and equality is with its HumanoidStandup-v5
    of the same two options. With them, forces are those at the start of the last substep: Gymnasium's own with the
    Euler integrator, while with the model's RK4 Gymnasium reads them in the last stage, inside the last substep; and
    those of an episode's first observation are the ones that act, where Gymnasium has zeros.

    Observation (270,) and action (17,): those of `Humanoid`, by the same options.

    Reward: `reward_linup` = z of the torso (m) / 3 ms, the model's timestep - ctrl_cost_weight x |action|^2
    (`reward_quadctrl`) - impact_cost_weight x |contact forces|^2 (`reward_impact`), this clipped to
    impact_cost_range, + `reward_survive` = 1. Gymnasium's `uph_cost_weight`, which nothing there reads, is no option.

    Start: lying, at rest, each entry plus uniform noise of +-reset_noise_scale.
    End: never terminated; truncated after 1,000 steps.

    Cheap fidelity: implicitfast with 2 steps of 7.5 ms instead of RK4 with 5 x 3 ms.
    """

    frame_skip = 5
    max_episode_steps = 1000
    cheap = Fidelity(integrator="implicitfast", sim_dt=0.0075)

    def __init__(
        self,
        *,
        ctrl_cost_weight: float = 0.1,
        impact_cost_weight: float = 0.0,
        impact_cost_range: Range = (-float("inf"), 10.0),
        reset_noise_scale: NotNegative = 1e-2,
        exclude_current_positions_from_observation: bool = True,
        include_cinert_in_observation: bool = True,
        include_cvel_in_observation: bool = True,
        include_qfrc_actuator_in_observation: bool = True,
        include_cfrc_ext_in_observation: bool = False,
    ) -> None:
        """Take Gymnasium's own options; where the defaults differ, and why, says the class."""
        self._ctrl_cost_weight = ctrl_cost_weight
        self._impact_cost_weight = impact_cost_weight
        self._impact_cost_range = impact_cost_range
        self._reset_noise_scale = reset_noise_scale
        self._body = HumanoidBody(
            position=not exclude_current_positions_from_observation,
            cinert=include_cinert_in_observation,
            cvel=include_cvel_in_observation,
            qfrc_actuator=include_qfrc_actuator_in_observation,
            cfrc_ext=include_cfrc_ext_in_observation,
            charges_forces=impact_cost_weight != 0,
        )

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Return the name of every entry of the observation."""
        return self._body.observation_names

    def spec(self) -> mujoco.MjSpec:
        """Return Gymnasium's model, if need be such that contact forces are computed."""
        return self._body.prepare(gymnasium_spec("humanoidstandup.xml"))

    def reset(self, physics: Physics, ids: Ids, draws: EpisodeDraws) -> None:
        """Add uniform noise to the lying pose and to the velocities."""
        add_uniform_position(physics, ids, draws, self._reset_noise_scale)
        add_uniform_velocity(physics, ids, draws, self._reset_noise_scale)

    def observe(self, physics: Physics) -> Array:
        """Return all groups of entries, (num_envs, obs_dim)."""
        return self._body.observe(physics)

    def measure(self, physics: Physics) -> Measured:
        """Return nothing: no term compares before and after; ask for what the others read after the next step."""
        self._body.bind(physics)
        return {}

    @quiet
    def reward(
        self, before: Measured, after: Measured, physics: Physics, action: NDArray[np.floating]
    ) -> dict[str, Array]:
        """Return the terms of the reward in Gymnasium's order of summation; it charges actions as MuJoCo's floats."""
        effort = np.square(action.astype(np.float64)).sum(axis=1)
        impact = self._body.contact_cost(physics, self._impact_cost_weight, self._impact_cost_range)
        return {
            "reward_linup": physics.qpos[:, 2] / _TIMESTEP,
            "reward_quadctrl": -(self._ctrl_cost_weight * effort),
            "reward_impact": -impact,
            "reward_survive": np.ones(physics.num_envs),
        }

    def info(self, before: Measured, after: Measured, physics: Physics) -> dict[str, Array]:
        """Return what `reset_info` does: nothing is compared before and after."""
        return self.reset_info(physics)

    @quiet
    def reset_info(self, physics: Physics) -> dict[str, Array]:
        """Return position (m), height above the start (m) and tendons (num_envs, 2)."""
        return {
            "x_position": physics.qpos[:, 0].copy(),
            "y_position": physics.qpos[:, 1].copy(),
            "z_distance_from_origin": physics.qpos[:, 2] - physics.start_qpos[..., 2],
            **self._body.tendons(physics),
        }

    def terminated(self, physics: Physics) -> NDArray[np.bool_]:
        """Return False for every world."""
        return np.zeros(physics.num_envs, np.bool_)
