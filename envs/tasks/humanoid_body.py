"""HumanoidBody: what humanoid and humanoid_standup share: one robot, observed in the same ways."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..physics.physics import Physics
from .contact_forces import add_contact_forces, contact_force_names, contact_forces

__all__ = ["HumanoidBody"]

Array = NDArray[np.float64]
_FREE = 6  # degrees of freedom of the root, which no actuator drives
_JOINTS = (
    *("abdomen_z", "abdomen_y", "abdomen_x"),
    *("right_hip_x", "right_hip_z", "right_hip_y", "right_knee"),
    *("left_hip_x", "left_hip_z", "left_hip_y", "left_knee"),
    *("right_shoulder1", "right_shoulder2", "right_elbow"),
    *("left_shoulder1", "left_shoulder2", "left_elbow"),
)
_BODIES = (
    *("torso", "lwaist", "pelvis", "right_thigh", "right_shin", "right_foot", "left_thigh", "left_shin", "left_foot"),
    *("right_upper_arm", "right_lower_arm", "left_upper_arm", "left_lower_arm"),
)


class HumanoidBody:
    """Which of the robot's quantities are observed beside position and velocity, and how they are had.

    Entries, in this order, each group if included; bodies without the world, actuator forces without the root:

    | group | entry | unit |
    |---|---|---|
    | qpos | x, y (unless excluded), z, orientation, 17 joint angles | m, 1, rad |
    | qvel | velocity, angular velocity, 17 joint velocities | m/s, rad/s |
    | cinert | 13 bodies x inertia about the centre of mass (6), mass x offset (3), mass | kg m^2, kg m, kg |
    | cvel | 13 bodies x angular velocity, velocity | rad/s, m/s |
    | qfrc_actuator | 17 joint torques | N m |
    | cfrc_ext | 13 bodies x torque, force of contacts | N m, N |

    Attributes:
        position_names: name of every entry of qpos, (24,).
        velocity_names: name of every entry of qvel, (23,).
        needs_forces: whether contact forces are computed.
    """

    position_names = (*(f"root.{k}" for k in ("x", "y", "z", "qw", "qx", "qy", "qz")), *_JOINTS)
    velocity_names = (*(f"root.{k}" for k in ("vx", "vy", "vz", "wx", "wy", "wz")), *_JOINTS)

    def __init__(
        self, *, position: bool, cinert: bool, cvel: bool, qfrc_actuator: bool, cfrc_ext: bool, charges_forces: bool
    ) -> None:
        """Choose what is observed.

        Args:
            position: whether x and y of the root are observed.
            cinert: whether inertias are.
            cvel: whether the velocities of bodies are.
            qfrc_actuator: whether joint torques are.
            cfrc_ext: whether contact forces are.
            charges_forces: whether the reward uses contact forces.
        """
        self._skip = 0 if position else 2
        chosen = {"cinert": cinert, "cvel": cvel, "qfrc_actuator": qfrc_actuator, "cfrc_ext": cfrc_ext}
        self._fields = tuple(field for field, wanted in chosen.items() if wanted)
        self.needs_forces = cfrc_ext or charges_forces

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Return the name of every entry of the observation."""
        names = {
            "cinert": tuple(f"cinert.{body}.{k}" for body in _BODIES for k in range(10)),
            "cvel": tuple(f"cvel.{body}.{k}" for body in _BODIES for k in range(6)),
            "qfrc_actuator": tuple(f"qfrc_actuator.{joint}" for joint in _JOINTS),
            "cfrc_ext": contact_force_names(_BODIES),
        }
        positions = (f"qpos.{name}" for name in self.position_names[self._skip :])
        velocities = (f"qvel.{name}" for name in self.velocity_names)
        return (*positions, *velocities, *(name for field in self._fields for name in names[field]))

    def prepare(self, spec: mujoco.MjSpec) -> mujoco.MjSpec:
        """Return `spec`, if need be such that contact forces are computed."""
        return add_contact_forces(spec) if self.needs_forces else spec

    def bind(self, physics: Physics) -> None:
        """Ask for what is observed and reported; what is bound before a step is there after it."""
        for field in (*self._fields, "ten_length", "ten_velocity"):
            physics.bind(field)
        if self.needs_forces:
            contact_forces(physics)

    def observe(self, physics: Physics) -> Array:
        """Return all entries, (num_envs, obs_dim)."""
        groups = [physics.qpos[:, self._skip :], physics.qvel]
        for field in self._fields:
            left_out = _FREE if field == "qfrc_actuator" else 1
            groups.append(physics.bind(field)[:, left_out:].reshape(physics.num_envs, -1))
        return np.concatenate(groups, axis=1)

    def tendons(self, physics: Physics) -> dict[str, Array]:
        """Return the differences of knee and hip angle and of their velocities, (num_envs, 2): rad, rad/s."""
        return {
            "tendon_length": physics.bind("ten_length").copy(),
            "tendon_velocity": physics.bind("ten_velocity").copy(),
        }

    def contact_cost(self, physics: Physics, weight: float, ends: tuple[float, float]) -> Array:
        """Return weight x the sum of squared contact forces, clipped to `ends`, (num_envs,)."""
        squares = np.square(contact_forces(physics)).sum(axis=(1, 2)) if weight != 0 else np.zeros(physics.num_envs)
        return np.clip(weight * squares, *ends)
