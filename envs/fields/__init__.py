"""Fields of the model that worlds may differ in: one concept a file."""

from .actuators import ActuatorStrength
from .friction import GeomFriction
from .gravity import Gravity
from .joints import DofField, JointRange
from .mass import BodyMass

__all__ = ["ActuatorStrength", "BodyMass", "DofField", "GeomFriction", "Gravity", "JointRange"]
