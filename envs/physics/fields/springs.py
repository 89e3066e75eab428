"""jnt_stiffness and qpos_spring: the spring at a joint and the pose it pulls to."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from ..idle import Reasons, disabled, reasons_for
from ..nominal import Nominal, joint_name, object_names
from ..parameter import ANY, NOT_NEGATIVE, Array, Ids, Rule, Writer
from ..physics import Physics

__all__ = ["JointStiffness", "RestPose"]


@dataclass(frozen=True)
class JointStiffness:
    """Stiffness of the spring at a joint; one set at a joint without pulls to the model's rest pose."""

    unit: str = "N m/rad or N/m"
    description: str = "stiffness of the spring at a joint"
    rule: Rule = NOT_NEGATIVE
    fields: tuple[str, ...] = ("jnt_stiffness",)

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the joints."""
        return tuple(joint_name(nominal.model, i) for i in range(nominal.model.njnt))

    def idle(self, nominal: Nominal) -> Reasons:
        """Return why it acts in no joint, if a flag of the model switches springs off."""
        return reasons_for(self.objects(nominal), disabled(nominal.model, "spring"))

    def default(self, nominal: Nominal) -> Array:
        """Return the model's stiffness of each."""
        return np.array(nominal.model.jnt_stiffness)

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what writes the stiffness."""
        stiffness = physics.expand("jnt_stiffness")

        def write(ids: Ids, values: Array) -> None:
            stiffness[ids] = values

        return write

    def read(self, physics: Physics) -> Array:
        """Return the stiffness in use."""
        return np.array(physics.expand("jnt_stiffness"))


@dataclass(frozen=True)
class RestPose:
    """Shift of the joint position at which a joint's spring is at rest.

    Only hinge and slide joints that have a spring in the model are objects: without one a rest pose does nothing.
    """

    unit: str = "rad or m"
    description: str = "shift of the rest position of a joint's spring"
    rule: Rule = ANY
    fields: tuple[str, ...] = ("qpos_spring",)

    def _ids(self, model: mujoco.MjModel) -> Ids:
        scalar = np.isin(model.jnt_type, (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE))
        return np.flatnonzero(scalar & (model.jnt_stiffness > 0))

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the hinge and slide joints that have a spring."""
        return tuple(joint_name(nominal.model, i) for i in self._ids(nominal.model))

    def idle(self, nominal: Nominal) -> Reasons:
        """Return why the rest pose of a joint never acts."""
        joints, springs = object_names(nominal.model, "joint"), self.objects(nominal)
        reason = "it is no hinge or slide with a spring in the model (stiffness > 0)"
        without = reasons_for((j for j in joints if j not in springs), reason)
        return {**without, **reasons_for(joints, disabled(nominal.model, "spring"))}

    def default(self, nominal: Nominal) -> Array:
        """Return 0 for each."""
        return np.zeros(len(self._ids(nominal.model)))

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what adds to the rest position found."""
        places, rest = nominal.model.jnt_qposadr[self._ids(nominal.model)], physics.expand("qpos_spring")

        def write(ids: Ids, values: Array) -> None:
            rest[ids[:, None], places] += values

        return write

    def read(self, physics: Physics) -> Array:
        """Return the distance of the rest position in use from the model's."""
        places = physics.model.jnt_qposadr[self._ids(physics.model)]
        return np.array(physics.expand("qpos_spring")[:, places] - physics.model.qpos_spring[places])
