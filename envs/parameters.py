"""PARAMETERS: every quantity a domain may set: name and unit, whose it is, how it is written and read back.

A parameter knows nothing of distributions. It is handed the effective value of every object, computed from
the model's default each time, so that writing twice is the same as writing once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import mujoco
import numpy as np
from numpy.typing import NDArray

from .physics import Physics

__all__ = ["PARAMETERS", "ChannelParameter", "Parameter", "PhysicalParameter"]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]
Writer = Callable[[Ids, Array], None]  # (worlds (k,), effective values (k, n))

MAX_DELAY = 64  # control steps; more than this is a different task, and bounds the memory of the history


@dataclass(frozen=True)
class Rule:
    """Which effective values are possible."""

    positive: bool = False
    maximum: float = float("inf")
    integer: bool = False

    def admits(self, low: float, high: float) -> bool:
        """Return whether every value between `low` and `high` is possible."""
        return (low > 0 if self.positive else low >= 0) and high <= self.maximum and np.isfinite(high)

    def __str__(self) -> str:
        bound = "> 0" if self.positive else ">= 0"
        most = f" and <= {self.maximum:g}" if np.isfinite(self.maximum) else ""
        return f"{'an integer ' if self.integer else ''}{bound}{most} and finite"


class Parameter(Protocol):
    """What all parameters have in common."""

    @property
    def unit(self) -> str:
        """Return the unit of its values."""
        ...

    @property
    def description(self) -> str:
        """Return what it is, in one line."""
        ...

    @property
    def rule(self) -> Rule:
        """Return which values are possible."""
        ...

    def objects(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names a selector may choose from, (n,)."""
        ...

    def default(self, model: mujoco.MjModel) -> Array:
        """Return the nominal value of every object, (n,)."""
        ...


class PhysicalParameter(Parameter, Protocol):
    """A parameter of the simulated bodies."""

    def writer(self, physics: Physics) -> Writer:
        """Make the fields differ per world; return what writes effective values (k, n) into worlds (k,)."""
        ...

    def read(self, physics: Physics) -> Array:
        """Return the effective values that the simulation uses, (num_envs, n)."""
        ...


@dataclass(frozen=True)
class ChannelParameter:
    """A parameter of what lies between agent and physics; the channels read its values themselves."""

    unit: str
    description: str
    rule: Rule = Rule()

    def objects(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the one object: the whole channel."""
        return ("*",)

    def default(self, model: mujoco.MjModel) -> Array:
        """Return zero: an ideal channel."""
        return np.zeros(1)


@dataclass(frozen=True)
class BodyMass:
    """Mass of a body; its inertia scales along, as when the material's density changes."""

    unit: str = "kg"
    description: str = "mass of a body, its inertia in proportion"
    rule: Rule = Rule(positive=True)

    def _ids(self, model: mujoco.MjModel) -> Ids:
        return np.flatnonzero(model.body_mass > 0)

    def objects(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the bodies that have mass."""
        return tuple(model.body(i).name or f"body{i}" for i in self._ids(model))

    def default(self, model: mujoco.MjModel) -> Array:
        """Return their masses."""
        return _copy(model.body_mass[self._ids(model)])

    def writer(self, physics: Physics) -> Writer:
        """Return what writes mass and inertia."""
        bodies = self._ids(physics.model)
        mass, inertia = physics.expand("body_mass"), physics.expand("body_inertia")
        nominal_mass, nominal_inertia = physics.model.body_mass[bodies], physics.model.body_inertia[bodies]

        def write(ids: Ids, values: Array) -> None:
            cells = ids[:, None], bodies
            mass[cells] = values
            inertia[cells] = nominal_inertia * (values / nominal_mass)[:, :, None]

        return write

    def read(self, physics: Physics) -> Array:
        """Return the masses in use."""
        return _copy(physics.expand("body_mass")[:, self._ids(physics.model)])


@dataclass(frozen=True)
class GeomFriction:
    """Effective sliding friction between a geom of the robot and the ground.

    MuJoCo gives a contact the larger of its two geoms' coefficients, so lowering a foot's alone changes
    nothing while the floor's stays high. Here the value is what the contact gets: geoms of the static world
    (the ground) follow. When all geoms change by one factor, every coefficient is multiplied by it, which is
    exact for contacts among the robot's own geoms too; otherwise each geom takes its value and the ground the
    smallest.
    """

    unit: str = "1"
    description: str = "effective sliding friction of a geom on the ground"
    rule: Rule = Rule(positive=True)

    def _robot(self, model: mujoco.MjModel) -> Ids:
        return np.flatnonzero((model.geom_bodyid > 0) & (_collides(model)))

    def _ground(self, model: mujoco.MjModel) -> Ids:
        return np.flatnonzero((model.geom_bodyid == 0) & (_collides(model)))

    def objects(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the robot's geoms that can collide."""
        return tuple(model.geom(i).name or f"geom{i}" for i in self._robot(model))

    def default(self, model: mujoco.MjModel) -> Array:
        """Return the friction of their contacts with the ground."""
        effective: Array = self._effective(model, np.asarray(model.geom_friction)[None])[0]
        return effective

    def _effective(self, model: mujoco.MjModel, friction: Array) -> Array:
        """Apply MuJoCo's maximum rule to (num, ngeom, 3) coefficients; return (num, n)."""
        ground = friction[:, self._ground(model), 0].max(axis=1, initial=0.0)
        effective: Array = np.maximum(friction[:, self._robot(model), 0], ground[:, None])
        return effective

    def writer(self, physics: Physics) -> Writer:
        """Return what writes the coefficients whose maximum is the value."""
        model = physics.model
        robot, ground, default = self._robot(model), self._ground(model), self.default(model)
        nominal = model.geom_friction[:, 0].copy()
        friction = physics.expand("geom_friction")[:, :, 0]

        def write(ids: Ids, values: Array) -> None:
            ratio = values / default
            factor = ratio[:, :1]
            uniform = np.abs(ratio - factor).max(axis=1, keepdims=True) <= 1e-12 * factor
            least = values.min(axis=1, keepdims=True)
            friction[ids[:, None], robot] = np.where(uniform, nominal[robot] * factor, values)
            friction[ids[:, None], ground] = np.where(uniform, nominal[ground] * factor, least)

        return write

    def read(self, physics: Physics) -> Array:
        """Return the friction a contact with the ground gets."""
        return self._effective(physics.model, physics.expand("geom_friction"))


@dataclass(frozen=True)
class DofField:
    """A quantity of a joint that MuJoCo stores per degree of freedom."""

    field: str
    unit: str
    description: str
    rule: Rule = Rule()

    def objects(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the joints."""
        return tuple(model.joint(i).name or f"joint{i}" for i in range(model.njnt))

    def default(self, model: mujoco.MjModel) -> Array:
        """Return the value of each joint's first degree of freedom."""
        return _copy(getattr(model, self.field)[model.jnt_dofadr])

    def writer(self, physics: Physics) -> Writer:
        """Return what writes each joint's value to all its degrees of freedom."""
        field, joint_of_dof = physics.expand(self.field), physics.model.dof_jntid

        def write(ids: Ids, values: Array) -> None:
            field[ids] = values[:, joint_of_dof]

        return write

    def read(self, physics: Physics) -> Array:
        """Return the values in use."""
        return _copy(physics.expand(self.field)[:, physics.model.jnt_dofadr])


@dataclass(frozen=True)
class JointRange:
    """How far a limited joint may turn, as a fraction of its range in the model."""

    unit: str = "fraction of the model's range"
    description: str = "range of a limited joint"
    rule: Rule = Rule(positive=True)

    def _ids(self, model: mujoco.MjModel) -> Ids:
        return np.flatnonzero(model.jnt_limited)

    def objects(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the limited joints: in the others a range does nothing."""
        return tuple(model.joint(i).name or f"joint{i}" for i in self._ids(model))

    def default(self, model: mujoco.MjModel) -> Array:
        """Return 1 for each."""
        return np.ones(len(self._ids(model)))

    def writer(self, physics: Physics) -> Writer:
        """Return what multiplies both ends of each range."""
        joints = self._ids(physics.model)
        ranges, nominal = physics.expand("jnt_range"), physics.model.jnt_range[joints]

        def write(ids: Ids, values: Array) -> None:
            ranges[ids[:, None], joints] = nominal * values[:, :, None]

        return write

    def read(self, physics: Physics) -> Array:
        """Return the width of each range over the model's."""
        joints = self._ids(physics.model)
        width = np.ptp(physics.expand("jnt_range")[:, joints], axis=2)
        return _copy(width / np.ptp(physics.model.jnt_range[joints], axis=1))


@dataclass(frozen=True)
class ActuatorStrength:
    """Force of an actuator as a fraction of the model's: gain and bias are multiplied alike."""

    unit: str = "fraction of the model's force"
    description: str = "strength of an actuator"
    rule: Rule = Rule()

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
        return _copy(physics.expand("actuator_gainprm")[:, :, 0] / nominal)


@dataclass(frozen=True)
class Gravity:
    """Size of gravity; its direction is the model's."""

    unit: str = "m/s^2"
    description: str = "size of gravity"
    rule: Rule = Rule()

    def objects(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the one object: the world."""
        return ("*",)

    def default(self, model: mujoco.MjModel) -> Array:
        """Return the size of the model's gravity, (1,)."""
        return np.array([np.linalg.norm(model.opt.gravity)])

    def writer(self, physics: Physics) -> Writer:
        """Return what scales the model's vector; one that is zero points down."""
        nominal = physics.model.opt.gravity.copy()
        size = np.linalg.norm(nominal)
        if size == 0:
            nominal, size = np.array([0.0, 0.0, -1.0]), np.float64(1.0)
        gravity = physics.expand("opt.gravity")

        def write(ids: Ids, values: Array) -> None:
            gravity[ids] = nominal * (values / size)

        return write

    def read(self, physics: Physics) -> Array:
        """Return its size, (num_envs, 1)."""
        size: Array = np.linalg.norm(physics.expand("opt.gravity"), axis=1, keepdims=True)
        return size


def _actuator_name(model: mujoco.MjModel, index: int) -> str:
    if name := model.actuator(index).name:
        return str(name)
    if model.actuator_trntype[index] == mujoco.mjtTrn.mjTRN_JOINT:
        return str(model.joint(model.actuator_trnid[index, 0]).name)
    return f"actuator{index}"


def _collides(model: mujoco.MjModel) -> NDArray[np.bool_]:
    enabled = not model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_CONTACT
    collides: NDArray[np.bool_] = ((model.geom_contype != 0) | (model.geom_conaffinity != 0)) & enabled
    return collides


def _copy(values: Any) -> Array:
    return np.array(values, np.float64)


_DELAY = Rule(maximum=MAX_DELAY, integer=True)

PARAMETERS: dict[str, PhysicalParameter | ChannelParameter] = {
    "body_mass": BodyMass(),
    "geom_friction": GeomFriction(),
    "dof_damping": DofField("dof_damping", "N m s/rad or N s/m", "viscous damping of a joint"),
    "dof_armature": DofField("dof_armature", "kg m^2 or kg", "rotor inertia seen at a joint"),
    "joint_range": JointRange(),
    "actuator_strength": ActuatorStrength(),
    "gravity": Gravity(),
    "action_delay": ChannelParameter("control steps", "delay between action and actuator", _DELAY),
    "action_noise": ChannelParameter("units of the action, sd", "white noise on every action entry"),
    "observation_delay": ChannelParameter("control steps", "delay between state and observation", _DELAY),
    "observation_noise": ChannelParameter("units of each entry, sd", "white noise on every observation entry"),
}
