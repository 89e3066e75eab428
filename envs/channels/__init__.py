"""Channels: what lies between agent and physics, vectorised over worlds."""

from .actuators import ActuatorChannel
from .disturbances import DisturbanceChannel
from .sensors import SensorChannel
from .stage import Wiring

__all__ = ["ActuatorChannel", "DisturbanceChannel", "SensorChannel", "Wiring"]
