"""Humanoid: a figure with legs, arms and a waist that is to walk forward as fast as it can without falling."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..options import NotNegative, Range
from ..physics.fidelity import Fidelity
from ..physics.physics import Physics
from .humanoid_body import HumanoidBody
from .locomotion import HealthyLocomotion
from .states import between, quiet
from .task import Measured

__all__ = ["Humanoid"]

Array = NDArray[np.float64]


class Humanoid(HealthyLocomotion):
    """Gymnasium's Humanoid-v5, but for contact forces, for many worlds at once; equal at nominal domain and fidelity.

    Contact forces are computed only for what uses them, so that `include_cfrc_ext_in_observation` is False and
    `contact_cost_weight` 0 by default; all else are Gymnasium's defaults, and equality is with its Humanoid-v5 of the
    same two options. With them, forces are those at the start of the last substep: Gymnasium's own with the Euler
    integrator, while with the model's RK4 Gymnasium reads them in the last stage, inside the last substep; and those
    of an episode's first observation are the ones that act, where Gymnasium has zeros.

    Observation (270,), `x` and `y` left out unless `exclude_current_positions_from_observation` is False:

    | index | entry | range | unit |
    |---|---|---|---|
    | 0 | z of the torso | -inf..inf | m |
    | 1-4 | orientation of the torso, a quaternion w, x, y, z | -1..1 | 1 |
    | 5-7 | angles of the abdomen about z, y, x | -inf..inf | rad |
    | 8-15 | angles of right, then left hip about x, z, y, and knee | -inf..inf | rad |
    | 16-21 | angles of right, then left shoulder (two) and elbow | -inf..inf | rad |
    | 22-24 | velocity of the torso in x, y, z | -inf..inf | m/s |
    | 25-27 | angular velocity of the torso about its own x, y, z | -inf..inf | rad/s |
    | 28-44 | angular velocities of the joints, in the order of 5-21 | -inf..inf | rad/s |
    | 45-174 | 13 bodies: inertia (6) about the robot's centre of mass | -inf..inf | kg m^2 |
    | | mass x offset (3) from it | -inf..inf | kg m |
    | | mass, which never changes | 0..inf | kg |
    | 175-252 | 13 bodies: angular velocity and velocity | -inf..inf | rad/s, m/s |
    | 253-269 | torques that the actuators exert at the joints, in the order of 5-21 | -120..120 | N m |
    | 270-347 | if included: torque and force of contacts on each of the 13 bodies | -inf..inf | N m, N |

    What stands at 45 and after is, as in Gymnasium, what MuJoCo computed last: in the last RK4 stage, inside the last
    substep. Each group has its own option to leave it out.

    Action (17,): torques at the abdomen (y, z, x), right and left hip (x, z, y) and knee, right and left shoulder
    (two) and elbow, -0.4..0.4, in units of 100 (hip y 300, knee 200, arms 25) N m.

    Reward: `reward_forward` = weight x velocity of the centre of mass in x (m/s) + `reward_survive` = healthy_reward
    while healthy - ctrl_cost_weight x |action|^2 (`reward_ctrl`) - contact_cost_weight x |contact forces|^2
    (`reward_contact`), this clipped to contact_cost_range.

    Start: the model's standing pose and zero velocity, each entry plus uniform noise of +-reset_noise_scale.
    End: terminated when unhealthy (height of the torso outside its range); truncated after 1,000 steps.

    Cheap fidelity: implicitfast with 2 steps of 7.5 ms instead of RK4 with 5 x 3 ms.
    """

    frame_skip = 5
    cheap = Fidelity(integrator="implicitfast", sim_dt=0.0075)
    model_file = "humanoid.xml"
    position_names, velocity_names = HumanoidBody.position_names, HumanoidBody.velocity_names
    axes = ("x", "y")

    def __init__(
        self,
        *,
        forward_reward_weight: float = 1.25,
        ctrl_cost_weight: float = 0.1,
        contact_cost_weight: float = 0.0,
        contact_cost_range: Range = (-float("inf"), 10.0),
        healthy_reward: float = 5.0,
        terminate_when_unhealthy: bool = True,
        healthy_z_range: Range = (1.0, 2.0),
        reset_noise_scale: NotNegative = 1e-2,
        exclude_current_positions_from_observation: bool = True,
        include_cinert_in_observation: bool = True,
        include_cvel_in_observation: bool = True,
        include_qfrc_actuator_in_observation: bool = True,
        include_cfrc_ext_in_observation: bool = False,
    ) -> None:
        """Take Gymnasium's own options; where the defaults differ, and why, says the class."""
        super().__init__(
            forward_reward_weight=forward_reward_weight,
            ctrl_cost_weight=ctrl_cost_weight,
            healthy_reward=healthy_reward,
            terminate_when_unhealthy=terminate_when_unhealthy,
            reset_noise_scale=reset_noise_scale,
            exclude_current_positions_from_observation=exclude_current_positions_from_observation,
        )
        self._contact_cost_weight = contact_cost_weight
        self._contact_cost_range = contact_cost_range
        self._z_range = healthy_z_range
        self._body = HumanoidBody(
            position=not exclude_current_positions_from_observation,
            cinert=include_cinert_in_observation,
            cvel=include_cvel_in_observation,
            qfrc_actuator=include_qfrc_actuator_in_observation,
            cfrc_ext=include_cfrc_ext_in_observation,
            charges_forces=contact_cost_weight != 0,
        )

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Return the name of every entry of the observation."""
        return self._body.observation_names

    def spec(self) -> mujoco.MjSpec:
        """Return Gymnasium's model, if need be such that contact forces are computed."""
        return self._body.prepare(super().spec())

    def observe(self, physics: Physics) -> Array:
        """Return all groups of entries, (num_envs, obs_dim)."""
        return self._body.observe(physics)

    def measure(self, physics: Physics) -> Measured:
        """Return the position along each axis, m; ask for what the others read after the next step."""
        self._body.bind(physics)
        return super().measure(physics)

    def position(self, physics: Physics) -> Array:
        """Return x and y of the centre of mass, (num_envs, 2), m; body 1 is the root of the robot."""
        return physics.bind("subtree_com")[:, 1, :2]

    @quiet
    def reward(
        self, before: Measured, after: Measured, physics: Physics, action: NDArray[np.floating]
    ) -> dict[str, Array]:
        """Return the terms of the reward in Gymnasium's order of summation; it charges actions as MuJoCo's floats."""
        terms = super().reward(before, after, physics, action.astype(np.float64))
        cost = self._body.contact_cost(physics, self._contact_cost_weight, self._contact_cost_range)
        return {**terms, "reward_contact": -cost}

    def reset_info(self, physics: Physics) -> dict[str, Array]:
        """Return positions (m) and distance from the origin (m), each (num_envs,), and tendons (num_envs, 2)."""
        return {**super().reset_info(physics), **self._body.tendons(physics)}

    def healthy(self, physics: Physics) -> NDArray[np.bool_]:
        """Return where the height of the torso lies in its range, (num_envs,)."""
        return between(physics.qpos[:, 2], self._z_range)
