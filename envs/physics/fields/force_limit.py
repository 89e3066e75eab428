"""actuator_forcerange: the largest force an actuator can give."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from ..idle import Reasons
from ..nominal import Nominal, actuator_names
from ..parameter import NOT_NEGATIVE, Array, Ids, Rule, Writer
from ..physics import Physics
from .actuators import affine_actuators, powerless_actuators

__all__ = ["ForceLimit"]


@dataclass(frozen=True)
class ForceLimit:
    """Limit on an actuator's force, as a fraction of the largest force it gives in the model.

    The largest force is the model's own limit or, where it has none, a motor's gain times the largest control.
    There the limit is switched on in worlds whose value is not 1; a servo without a limit, and a motor without
    a control range, can give any force and are no objects. The limit stays where it is when the strength changes.
    """

    unit: str = "fraction of the model's largest force"
    description: str = "limit on the force of an actuator"
    rule: Rule = NOT_NEGATIVE
    fields: tuple[str, ...] = ("actuator_forcerange", "actuator_forcelimited")

    def _ids(self, model: mujoco.MjModel) -> Ids:
        return np.flatnonzero(_largest(model).any(axis=1))

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the actuators whose force has a limit in the model."""
        names = actuator_names(nominal.model)
        return tuple(names[i] for i in self._ids(nominal.model))

    def idle(self, nominal: Nominal) -> Reasons:
        """Return why the force of an actuator has no limit that could change."""
        reason = "neither a force range nor a motor's control range limits its force in the model"
        return powerless_actuators(nominal.model, np.asarray(_largest(nominal.model).any(axis=1)), reason)

    def default(self, nominal: Nominal) -> Array:
        """Return 1 for each."""
        return np.ones(len(self._ids(nominal.model)))

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what writes the limits and whether they hold."""
        model = nominal.model
        chosen, largest = self._ids(model), _largest(model)
        limited, ranges = physics.expand("actuator_forcelimited"), physics.expand("actuator_forcerange")
        own, own_range = model.actuator_forcelimited[chosen] != 0, model.actuator_forcerange[chosen]

        def write(ids: Ids, values: Array) -> None:
            cells, changed = (ids[:, None], chosen), values != 1
            limited[cells] = own | changed
            ranges[cells] = np.where(changed[:, :, None], largest[chosen] * values[:, :, None], own_range)

        return write

    def read(self, physics: Physics) -> Array:
        """Return the limit in use over the model's largest force; 1 where none is."""
        chosen = self._ids(physics.model)
        limited = physics.expand("actuator_forcelimited")[:, chosen] != 0
        width = np.ptp(physics.expand("actuator_forcerange")[:, chosen], axis=2)
        return np.where(limited, width / np.ptp(_largest(physics.model)[chosen], axis=1), 1.0)


def _largest(model: mujoco.MjModel) -> Array:
    """Return the least and greatest force of every actuator, (nu, 2); zeros where there is no limit."""
    gain = model.actuator_gainprm[:, :1]
    motor = affine_actuators(model) & ~model.actuator_gainprm[:, 1:3].any(axis=1)
    motor &= ~model.actuator_biasprm[:, :3].any(axis=1) & (model.actuator_dyntype == mujoco.mjtDyn.mjDYN_NONE)
    by_control = np.sort(gain * model.actuator_ctrlrange, axis=1)
    bounded = (motor & (model.actuator_ctrllimited != 0))[:, None]
    own = model.actuator_forcelimited[:, None] != 0
    largest: Array = np.where(own, model.actuator_forcerange, bounded * by_control)
    return largest
