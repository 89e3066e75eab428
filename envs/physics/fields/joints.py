"""Quantities of joints: those stored per degree of freedom, and the range."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from ..idle import Reasons, disabled, reasons_for
from ..nominal import Nominal, joint_name, object_names
from ..parameter import NOT_NEGATIVE, POSITIVE, Array, Ids, Rule, Writer
from ..physics import Physics

__all__ = ["DofField", "JointRange"]

# The flags of MuJoCo's that switch a field off.
_FLAGS = {"dof_damping": ("damper",), "dof_frictionloss": ("constraint", "frictionloss"), "dof_armature": ()}


@dataclass(frozen=True)
class DofField:
    """A quantity of a joint that MuJoCo stores per degree of freedom."""

    field: str
    unit: str
    description: str
    rule: Rule = NOT_NEGATIVE

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the one field."""
        return (self.field,)

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the joints."""
        return tuple(joint_name(nominal.model, i) for i in range(nominal.model.njnt))

    def idle(self, nominal: Nominal) -> Reasons:
        """Return why it acts in no joint, if a flag of the model switches it off."""
        return reasons_for(self.objects(nominal), disabled(nominal.model, *_FLAGS[self.field]))

    def default(self, nominal: Nominal) -> Array:
        """Return the value of each joint's first degree of freedom."""
        return np.array(getattr(nominal.model, self.field)[nominal.model.jnt_dofadr])

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what writes each joint's value to all its degrees of freedom."""
        field, joint_of_dof = physics.expand(self.field), nominal.model.dof_jntid

        def write(ids: Ids, values: Array) -> None:
            field[ids] = values[:, joint_of_dof]

        return write

    def read(self, physics: Physics) -> Array:
        """Return the values in use."""
        return np.array(physics.expand(self.field)[:, physics.model.jnt_dofadr])


@dataclass(frozen=True)
class JointRange:
    """How far a limited joint may turn, as a fraction of its range in the model."""

    unit: str = "fraction of the model's range"
    description: str = "range of a limited joint"
    rule: Rule = POSITIVE
    fields: tuple[str, ...] = ("jnt_range",)

    def _ids(self, model: mujoco.MjModel) -> Ids:
        return np.flatnonzero(model.jnt_limited)

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the limited joints: in the others a range does nothing."""
        return tuple(joint_name(nominal.model, i) for i in self._ids(nominal.model))

    def idle(self, nominal: Nominal) -> Reasons:
        """Return why the range of a joint never acts."""
        joints, limited = object_names(nominal.model, "joint"), self.objects(nominal)
        unlimited = reasons_for((j for j in joints if j not in limited), "the model gives this joint no limits")
        return {**unlimited, **reasons_for(joints, disabled(nominal.model, "constraint", "limit"))}

    def default(self, nominal: Nominal) -> Array:
        """Return 1 for each."""
        return np.ones(len(self._ids(nominal.model)))

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what multiplies both ends of each range."""
        joints = self._ids(nominal.model)
        ranges, widths = physics.expand("jnt_range"), nominal.model.jnt_range[joints]

        def write(ids: Ids, values: Array) -> None:
            ranges[ids[:, None], joints] = widths * values[:, :, None]

        return write

    def read(self, physics: Physics) -> Array:
        """Return the width of each range over the model's."""
        joints = self._ids(physics.model)
        width = np.ptp(physics.expand("jnt_range")[:, joints], axis=2)
        return np.array(width / np.ptp(physics.model.jnt_range[joints], axis=1))
