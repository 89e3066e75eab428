"""Channels: what lies between agent and physics, vectorised over worlds."""

from .actuators import ActuatorChannel
from .sensors import SensorChannel

__all__ = ["ActuatorChannel", "SensorChannel"]
