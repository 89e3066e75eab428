"""Channels: what lies between agent and physics, vectorised over worlds."""

from .actuators import ActuatorChannel
from .sensors import SensorChannel
from .stage import Wiring

__all__ = ["ActuatorChannel", "SensorChannel", "Wiring"]
