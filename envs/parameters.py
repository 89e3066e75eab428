"""PARAMETERS: every quantity a domain may set."""

from __future__ import annotations

from .fields import ActuatorStrength, BodyMass, DofField, GeomFriction, Gravity, JointRange
from .parameter import ChannelParameter, PhysicalParameter, Rule

__all__ = ["PARAMETERS"]

# More delay than this many control steps is another task; it also bounds the memory of the history.
_DELAY = Rule(maximum=64, integer=True)

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
