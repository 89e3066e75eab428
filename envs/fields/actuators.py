"""actuator_gainprm and actuator_biasprm."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from ..parameter import NOT_NEGATIVE, Array, Ids, Rule, Writer
from ..physics import Physics

__all__ = ["ActuatorStrength"]


@dataclass(frozen=True)
class ActuatorStrength:
    """Force of an actuator as a fraction of the model's: gain and bias are multiplied alike."""

    unit: str = "fraction of the model's force"
    description: str = "strength of an actuator"
    rule: Rule = NOT_NEGATIVE

    def objects(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the actuators, one without a name by that of the joint it drives."""
        return tuple(_actuator_name(model, i) for i in range(model.nu))

    def default(self, model: mujoco.MjModel) -> Array:
        """Return 1 for each."""
        return np.ones(model.nu)

    def writer(self, physics: Physics) -> Writer:
        """Return what multiplies the three affine coefficients of gain and of bias."""
        affine = [
            (physics.expand(name)[:, :, :3], getattr(physics.model, name)[:, :3].copy())
            for name in ("actuator_gainprm", "actuator_biasprm")
            if getattr(physics.model, name)[:, :3].any()  # a motor has no bias to scale
        ]

        def write(ids: Ids, values: Array) -> None:
            for field, nominal in affine:
                field[ids] = nominal * values[:, :, None]

        return write

    def read(self, physics: Physics) -> Array:
        """Return the gain over the model's."""
        nominal = physics.model.actuator_gainprm[:, 0]
        return np.array(physics.expand("actuator_gainprm")[:, :, 0] / nominal)


def _actuator_name(model: mujoco.MjModel, index: int) -> str:
    if name := model.actuator(index).name:
        return str(name)
    if model.actuator_trntype[index] == mujoco.mjtTrn.mjTRN_JOINT:
        return str(model.joint(model.actuator_trnid[index, 0]).name)
    return f"actuator{index}"
