"""PARAMETERS: every quantity a domain may set."""

from __future__ import annotations

from ..parameter import ANY, NOT_NEGATIVE, POSITIVE, ChannelParameter, MorphologyParameter, PhysicalParameter, Rule
from . import (
    ActuatorStrength,
    BodyInertia,
    BodyMass,
    CenterOfMass,
    ContactReference,
    DofField,
    FluidProperty,
    ForceLimit,
    GeomFriction,
    Gravity,
    GravityTilt,
    JointRange,
    JointStiffness,
    LinkLength,
    LinkThickness,
    Payload,
    RestPose,
    ServoGain,
    Wind,
)

__all__ = ["PARAMETERS"]

# More delay than this many control steps is another task; it also bounds the memory of the history.
_DELAY = Rule(maximum=64, integer=True)
_LENGTH = Rule(minimum=1, maximum=64, integer=True)
_INTERVAL = Rule(minimum=1, integer=True)
_PROBABILITY = Rule(maximum=1)
_NONE = float("inf")  # a limit that never binds


def _action(unit: str, description: str, rule: Rule = NOT_NEGATIVE, ideal: float = 0.0) -> ChannelParameter:
    return ChannelParameter(unit, description, rule, "action", ideal)


def _observation(unit: str, description: str, rule: Rule = NOT_NEGATIVE, ideal: float = 0.0) -> ChannelParameter:
    return ChannelParameter(unit, description, rule, "observation", ideal)


def _force(axis: str) -> ChannelParameter:
    return ChannelParameter("N", f"steady force on the centre of a body along the world's {axis}", ANY, "body")


# In this order they are written: those that share a field change what those before left there.
PARAMETERS: dict[str, PhysicalParameter | MorphologyParameter | ChannelParameter] = {
    "link_length": LinkLength(),
    "link_thickness": LinkThickness(),
    "body_mass": BodyMass(),
    "body_inertia": BodyInertia(),
    "payload": Payload(),
    "body_com_x": CenterOfMass(0),
    "body_com_y": CenterOfMass(1),
    "body_com_z": CenterOfMass(2),
    "geom_friction": GeomFriction(0),
    "geom_friction_spin": GeomFriction(1),
    "geom_friction_roll": GeomFriction(2),
    "contact_time_constant": ContactReference(0),
    "contact_damping_ratio": ContactReference(1),
    "dof_damping": DofField("dof_damping", "N m s/rad or N s/m", "viscous damping of a joint"),
    "dof_frictionloss": DofField("dof_frictionloss", "N m or N", "dry friction of a joint"),
    "dof_armature": DofField("dof_armature", "kg m^2 or kg", "rotor inertia seen at a joint"),
    "joint_stiffness": JointStiffness(),
    "rest_pose": RestPose(),
    "joint_range": JointRange(),
    "actuator_strength": ActuatorStrength(),
    "servo_kp": ServoGain(1),
    "servo_kd": ServoGain(2),
    "actuator_force_limit": ForceLimit(),
    "gravity": Gravity(),
    "gravity_tilt_x": GravityTilt(0),
    "gravity_tilt_y": GravityTilt(1),
    "density": FluidProperty("density", "kg/m^3", "density of the fluid around the robot"),
    "viscosity": FluidProperty("viscosity", "Pa s", "viscosity of the fluid around the robot"),
    "wind_x": Wind(0),
    "wind_y": Wind(1),
    "wind_z": Wind(2),
    "action_repeat": ChannelParameter("control steps", "a new action is taken only every so often", _LENGTH, ideal=1.0),
    "action_delay": _action("control steps", "delay between action and actuator", _DELAY),
    "action_jitter": _action("control steps", "largest extra delay of an action entry, drawn every step", _DELAY),
    "action_quantisation": _action("units of the action", "step between the commands that can be sent"),
    "action_dead_zone": _action("units of the action", "half width of the commands without effect"),
    "action_backlash": _action("units of the action", "width of the play between command and effect"),
    "action_rate_limit": _action("units of the action per control step", "largest change of a command", ideal=_NONE),
    "action_lag": _action("s", "time constant of an actuator that follows its command"),
    "action_scale": _action("1", "gain on the command, before its range clips it", ANY, 1.0),
    "action_noise": _action("units of the action, sd", "white noise on every action entry"),
    "observation_scale": _observation("1", "gain error of a sensor", ANY, 1.0),
    "observation_bias": _observation("units of each entry", "constant error of a sensor", ANY),
    "observation_drift": _observation("units of each entry per control step", "error that grows in an episode", ANY),
    "observation_drift_noise": _observation("units of each entry, sd", "step of an error that walks in an episode"),
    "observation_noise": _observation("units of each entry, sd", "white noise on every observation entry"),
    "observation_saturation": _observation("units of each entry", "largest magnitude a sensor shows", ideal=_NONE),
    "observation_quantisation": _observation("units of each entry", "step between the readings that can be shown"),
    "observation_delay": _observation("control steps", "delay between state and observation", _DELAY),
    "observation_jitter": _observation("control steps", "largest extra delay of a reading, drawn every step", _DELAY),
    "observation_stuck": _observation("1 per control step", "probability that a reading freezes", _PROBABILITY),
    "observation_stuck_steps": _observation("control steps", "how long a reading stays frozen", _LENGTH, 1.0),
    "observation_dropout": _observation("1 per control step", "probability that a reading becomes 0", _PROBABILITY),
    "observation_dropout_steps": _observation("control steps", "how long a reading stays 0", _LENGTH, 1.0),
    "steady_force_x": _force("x"),
    "steady_force_y": _force("y"),
    "steady_force_z": _force("z"),
    "push_impulse": ChannelParameter("N s", "impulse of a horizontal push on a body", NOT_NEGATIVE, "body"),
    "push_interval": ChannelParameter("control steps", "time between pushes", _INTERVAL, ideal=100.0),
    "gust_force": ChannelParameter("N, sd along x and y", "force of gusts on a body", NOT_NEGATIVE, "body"),
    "gust_time": ChannelParameter("control steps", "correlation time of gusts", POSITIVE, ideal=10.0),
    "control_jitter": ChannelParameter("1", "largest relative change of a control step's duration", Rule(maximum=0.5)),
}
