"""Fields of the model that worlds may differ in: one concept a file."""

from .actuators import ActuatorStrength, ServoGain
from .center_of_mass import CenterOfMass
from .force_limit import ForceLimit
from .friction import GeomFriction
from .gravity import Gravity, GravityTilt
from .joints import DofField, JointRange
from .links import LinkLength, LinkThickness
from .mass import BodyInertia, BodyMass, Payload
from .medium import FluidProperty, Wind
from .softness import ContactReference
from .springs import JointStiffness, RestPose

__all__ = [
    "ActuatorStrength",
    "BodyInertia",
    "BodyMass",
    "CenterOfMass",
    "ContactReference",
    "DofField",
    "FluidProperty",
    "ForceLimit",
    "GeomFriction",
    "Gravity",
    "GravityTilt",
    "JointRange",
    "JointStiffness",
    "LinkLength",
    "LinkThickness",
    "Payload",
    "RestPose",
    "ServoGain",
    "Wind",
]
