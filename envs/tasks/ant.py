"""Ant: a four-legged robot that is to walk forward as fast as it can."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..domain.streams import EpisodeDraws
from ..errors import EnvsError, unknown_name
from ..options import BodyRef, NotNegative, Range
from ..physics.fidelity import Fidelity
from ..physics.physics import Physics
from .contact_forces import add_contact_forces, contact_force_names, contact_forces
from .locomotion import HealthyLocomotion
from .starts import add_normal_velocity, add_uniform_position
from .states import quiet
from .task import Ids, Measured

__all__ = ["Ant"]

Array = NDArray[np.float64]
_JOINTS = ("hip_1", "ankle_1", "hip_2", "ankle_2", "hip_3", "ankle_3", "hip_4", "ankle_4")
_LEGS = ("front_left_leg", "front_right_leg", "back_leg", "right_back_leg")
_BODIES = ("torso", *(name for i, leg in enumerate(_LEGS) for name in (leg, f"aux_{i + 1}", f"body{3 * i + 4}")))


class Ant(HealthyLocomotion):
    """Gymnasium's Ant-v5, but for contact forces, for many worlds at once; equal at the nominal domain and fidelity.

    Contact forces are computed only for what uses them, so that `include_cfrc_ext_in_observation` is False and
    `contact_cost_weight` 0 by default; all else are Gymnasium's defaults, and equality is with its Ant-v5 of the same
    two options. With them, forces are those at the start of the last substep: Gymnasium's own with the Euler
    integrator, while with the model's RK4 Gymnasium reads them in the last stage, inside the last substep; and those
    of an episode's first observation are the ones that act, where Gymnasium has zeros.

    Observation (27,), `x` and `y` left out unless `exclude_current_positions_from_observation` is False:

    | index | entry | range | unit |
    |---|---|---|---|
    | 0 | z of the torso | -inf..inf | m |
    | 1-4 | orientation of the torso, a quaternion w, x, y, z | -1..1 | 1 |
    | 5-12 | angles of hip and ankle: front left, front right, back left, back right leg | -inf..inf | rad |
    | 13-15 | velocity of the torso in x, y, z | -inf..inf | m/s |
    | 16-18 | angular velocity of the torso about its own x, y, z | -inf..inf | rad/s |
    | 19-26 | angular velocities of the joints, in the order of 5-12 | -inf..inf | rad/s |
    | 27-104 | if included: torque and force of contacts on each of the 13 bodies | contact_force_range | N m, N |

    Action (8,): torques at hip and ankle of the back right, front left, front right, back left leg, -1..1, in units
    of 150 N m.

    Reward: `reward_forward` = weight x velocity of main_body in x (m/s) + `reward_survive` = healthy_reward while
    healthy - ctrl_cost_weight x |action|^2 (`reward_ctrl`) - contact_cost_weight x |contact forces|^2
    (`reward_contact`), these clipped to contact_force_range. The velocity is, as in Gymnasium, that of where MuJoCo
    computed the body last: in the last RK4 stage, inside the last substep.

    Start: default pose plus uniform noise of +-reset_noise_scale; velocities normal with that sd.
    End: terminated when unhealthy (height of the torso outside its range, or a state that is not finite); truncated
    after 1,000 steps.

    Cheap fidelity: implicitfast with 2 steps of 25 ms instead of RK4 with 5 x 10 ms; contacts are softer, as MuJoCo
    allows them no time constant below two steps.
    """

    frame_skip = 5
    cheap = Fidelity(integrator="implicitfast", sim_dt=0.025)
    model_file = "ant.xml"
    position_names = (*(f"root.{k}" for k in ("x", "y", "z", "qw", "qx", "qy", "qz")), *_JOINTS)
    velocity_names = (*(f"root.{k}" for k in ("vx", "vy", "vz", "wx", "wy", "wz")), *_JOINTS)
    axes = ("x", "y")

    def __init__(
        self,
        *,
        forward_reward_weight: float = 1.0,
        ctrl_cost_weight: float = 0.5,
        contact_cost_weight: float = 0.0,
        healthy_reward: float = 1.0,
        main_body: BodyRef = 1,
        terminate_when_unhealthy: bool = True,
        healthy_z_range: Range = (0.2, 1.0),
        contact_force_range: Range = (-1.0, 1.0),
        reset_noise_scale: NotNegative = 0.1,
        exclude_current_positions_from_observation: bool = True,
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
        self._main_body = main_body
        self._z_range = healthy_z_range
        self._force_range = contact_force_range
        self._observes_forces = include_cfrc_ext_in_observation
        self._needs_forces = include_cfrc_ext_in_observation or contact_cost_weight != 0

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Return the name of every entry of the observation."""
        forces = contact_force_names(_BODIES) if self._observes_forces else ()
        return super().observation_names + forces

    def spec(self) -> mujoco.MjSpec:
        """Return Gymnasium's model, if need be such that contact forces are computed.

        Raises:
            EnvsError: when it has no `main_body`.
        """
        spec = super().spec()
        _require_body(spec, self._main_body)
        return add_contact_forces(spec) if self._needs_forces else spec

    def reset(self, physics: Physics, ids: Ids, draws: EpisodeDraws) -> None:
        """Add uniform noise to the default pose and normal noise to the velocities."""
        add_uniform_position(physics, ids, draws, self._reset_noise_scale)
        add_normal_velocity(physics, ids, draws, self._reset_noise_scale)

    def observe(self, physics: Physics) -> Array:
        """Return positions, velocities and, if included, contact forces, (num_envs, obs_dim)."""
        state = super().observe(physics)
        if not self._observes_forces:
            return state
        return np.concatenate((state, self._forces(physics)[:, 1:].reshape(physics.num_envs, -1)), axis=1)

    def measure(self, physics: Physics) -> Measured:
        """Return the position along each axis, m; ask for the forces that the others read after the next step."""
        if self._needs_forces:
            contact_forces(physics)
        return super().measure(physics)

    def position(self, physics: Physics) -> Array:
        """Return x and y of the main body, (num_envs, 2), m."""
        xy: Array = physics.bind("xpos")[:, physics.model.body(self._main_body).id, :2]
        return xy

    @quiet
    def reward(
        self, before: Measured, after: Measured, physics: Physics, action: NDArray[np.floating]
    ) -> dict[str, Array]:
        """Return the terms of the reward in Gymnasium's order of summation."""
        terms = super().reward(before, after, physics, action)
        cost = np.zeros(physics.num_envs)
        if self._contact_cost_weight != 0:
            cost = self._contact_cost_weight * np.square(self._forces(physics)).sum(axis=(1, 2))
        return {**terms, "reward_contact": -cost}

    def healthy(self, physics: Physics) -> NDArray[np.bool_]:
        """Return where the state is finite and the torso's height in its closed range, (num_envs,)."""
        z, (low, high) = physics.qpos[:, 2], self._z_range
        finite = np.isfinite(physics.qpos).all(axis=1) & np.isfinite(physics.qvel).all(axis=1)
        healthy: NDArray[np.bool_] = finite & (low <= z) & (z <= high)
        return healthy

    def _forces(self, physics: Physics) -> Array:
        return np.clip(contact_forces(physics), *self._force_range)


def _require_body(spec: mujoco.MjSpec, body: int | str) -> None:
    bodies = spec.bodies
    if isinstance(body, str) and body not in (names := [b.name for b in bodies if b.name]):
        raise unknown_name("main_body", body, names)
    if isinstance(body, int) and not 0 <= body < len(bodies):
        raise EnvsError(f"main_body: must be a body's name or its index, 0..{len(bodies) - 1}, got {body}")
