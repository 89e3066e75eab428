"""actuator_gainprm and actuator_biasprm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..nominal import Nominal, actuator_names
from ..parameter import NOT_NEGATIVE, Array, Ids, Rule, Writer
from ..physics import Physics

__all__ = ["ActuatorStrength"]


@dataclass(frozen=True)
class ActuatorStrength:
    """Force of an actuator as a fraction of the model's: gain and bias are multiplied alike."""

    unit: str = "fraction of the model's force"
    description: str = "strength of an actuator"
    rule: Rule = NOT_NEGATIVE
    fields: tuple[str, ...] = ("actuator_gainprm", "actuator_biasprm")

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the actuators, one without a name by that of the joint it drives."""
        return actuator_names(nominal.model)

    def default(self, nominal: Nominal) -> Array:
        """Return 1 for each."""
        return np.ones(nominal.model.nu)

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what multiplies the three affine coefficients of gain and of bias."""
        affine = [
            physics.expand(name)[:, :, :3]
            for name in self.fields
            if getattr(nominal.model, name)[:, :3].any()  # a motor has no bias to scale
        ]

        def write(ids: Ids, values: Array) -> None:
            for field in affine:
                field[ids] *= values[:, :, None]

        return write

    def read(self, physics: Physics) -> Array:
        """Return the gain over the model's."""
        nominal = physics.model.actuator_gainprm[:, 0]
        return np.array(physics.expand("actuator_gainprm")[:, :, 0] / nominal)
