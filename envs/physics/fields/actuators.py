"""actuator_gainprm and actuator_biasprm: how strong an actuator is, and how a servo follows its target."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..idle import Reasons, disabled
from ..nominal import Nominal, actuator_names
from ..parameter import NOT_NEGATIVE, Array, Ids, Rule, Writer
from ..physics import Physics

__all__ = ["ActuatorStrength", "ServoGain", "affine_actuators", "powerless_actuators"]

_KP, _KD = 1, 2  # the coefficients of position and velocity in an affine bias


def affine_actuators(model: mujoco.MjModel) -> NDArray[np.bool_]:
    """Return which actuators (nu,) are motors or servos: force = gain * input + bias, both affine in the joint.

    A plugin's actuator is none: the plugin computes its force, and neither gain nor bias is read.
    """
    gain = np.isin(model.actuator_gaintype, (mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtGain.mjGAIN_AFFINE))
    bias = np.isin(model.actuator_biastype, (mujoco.mjtBias.mjBIAS_NONE, mujoco.mjtBias.mjBIAS_AFFINE))
    own = model.actuator_plugin < 0
    return np.asarray(gain & bias & own & model.actuator_gainprm[:, :3].any(axis=1), np.bool_)


def powerless_actuators(model: mujoco.MjModel, required: NDArray[np.bool_], reason: str) -> Reasons:
    """Return why actuators are no objects.

    Args:
        model: whose actuators.
        required: (nu,) those of the right kind.
        reason: why the others are not, where nothing else is the matter.
    """
    off = disabled(model, "actuation")
    groups = [bool(model.opt.disableactuator >> int(g) & 1) if 0 <= g <= 30 else False for g in model.actuator_group]
    found = {}
    for i, name in enumerate(actuator_names(model)):
        if off:
            found[name] = off
        elif groups[i]:
            found[name] = f"the model disables its group (actuatorgroupdisable contains {model.actuator_group[i]})"
        elif not model.actuator_gear[i].any():
            found[name] = "its gear is 0, so that no force of it arrives"
        elif model.actuator_plugin[i] >= 0 and not required[i]:
            found[name] = "a plugin computes its force, which no gain, bias or strength of the model changes"
        elif not required[i]:
            found[name] = reason
    return found


@dataclass(frozen=True)
class ActuatorStrength:
    """Force of an actuator as a fraction of the model's: gain and bias are multiplied alike."""

    unit: str = "fraction of the model's force"
    description: str = "strength of an actuator"
    rule: Rule = NOT_NEGATIVE
    fields: tuple[str, ...] = ("actuator_gainprm", "actuator_biasprm")

    def _ids(self, model: mujoco.MjModel) -> Ids:
        return np.flatnonzero(affine_actuators(model))

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the motors and servos, one without a name by that of the joint it drives."""
        names = actuator_names(nominal.model)
        return tuple(names[i] for i in self._ids(nominal.model))

    def idle(self, nominal: Nominal) -> Reasons:
        """Return why the strength of an actuator never acts."""
        model = nominal.model
        return powerless_actuators(model, affine_actuators(model), "it is neither a motor nor a servo")

    def default(self, nominal: Nominal) -> Array:
        """Return 1 for each."""
        return np.ones(len(self._ids(nominal.model)))

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what multiplies the three affine coefficients of gain and of bias found."""
        chosen = self._ids(nominal.model)
        affine = [
            physics.expand(name)[:, :, :3]
            for name in self.fields
            if getattr(nominal.model, name)[chosen, :3].any()  # a motor has no bias to scale
        ]

        def write(ids: Ids, values: Array) -> None:
            for field in affine:
                field[ids[:, None], chosen] *= values[:, :, None]

        return write

    def read(self, physics: Physics) -> Array:
        """Return the gain in use over the model's; a changed servo gain is part of it."""
        chosen = self._ids(physics.model)
        gain = np.abs(physics.expand("actuator_gainprm")[:, chosen, :3]).sum(axis=2)
        return np.array(gain / np.abs(physics.model.actuator_gainprm[chosen, :3]).sum(axis=1))


@dataclass(frozen=True)
class ServoGain:
    """Gain of a servo on position (kp) or on velocity (kd), as a fraction of the model's.

    A position servo is force = kp (target - position) - kd velocity, a velocity servo force = kd (target -
    velocity), in MuJoCo a fixed gain and an affine bias, whose constant, kp times an offset, is part of the target, as
    of a servo that is commanded relative to a pose. Motors, and servos without the gain, are no objects.
    """

    coefficient: int
    unit: str = "fraction of the model's gain"
    rule: Rule = NOT_NEGATIVE
    fields: tuple[str, ...] = ("actuator_gainprm", "actuator_biasprm")

    @property
    def description(self) -> str:
        """Return what it is, in one line."""
        return f"gain of a servo on {('position', 'velocity')[self.coefficient - 1]}"

    def _ids(self, model: mujoco.MjModel) -> Ids:
        fixed = model.actuator_gaintype == mujoco.mjtGain.mjGAIN_FIXED
        affine = (model.actuator_biastype == mujoco.mjtBias.mjBIAS_AFFINE) & (model.actuator_plugin < 0)
        return np.flatnonzero(fixed & affine & (model.actuator_biasprm[:, self.coefficient] != 0))

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the servos that have this gain."""
        names = actuator_names(nominal.model)
        return tuple(names[i] for i in self._ids(nominal.model))

    def idle(self, nominal: Nominal) -> Reasons:
        """Return why an actuator has no such gain."""
        model, has = nominal.model, np.zeros(nominal.model.nu, np.bool_)
        has[self._ids(model)] = True
        return powerless_actuators(model, has, f"it is no servo with a {self.description}")

    def default(self, nominal: Nominal) -> Array:
        """Return 1 for each."""
        return np.ones(len(self._ids(nominal.model)))

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what multiplies the coefficient found, and the gain on the target, with its offset, along with it."""
        servos = self._ids(nominal.model)
        follows = nominal.model.actuator_biasprm[servos, _KP] != 0  # its target is a position
        targeted = follows if self.coefficient == _KP else ~follows
        gain, bias = physics.expand("actuator_gainprm"), physics.expand("actuator_biasprm")

        def write(ids: Ids, values: Array) -> None:
            bias[ids[:, None], servos, self.coefficient] *= values
            for field in (gain, bias):  # a constant of the bias is part of the target
                field[ids[:, None], servos[targeted], 0] *= values[:, targeted]

        return write

    def read(self, physics: Physics) -> Array:
        """Return the coefficient in use over the model's; a changed strength is part of it."""
        servos = self._ids(physics.model)
        own = physics.expand("actuator_biasprm")[:, servos, self.coefficient]
        return np.array(own / physics.model.actuator_biasprm[servos, self.coefficient])
