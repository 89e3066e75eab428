"""Shifts between the action and the force."""

from .shift import Shift

__all__ = ["LAGGY", "WEAK"]

WEAK = Shift(
    "tired motors; severity: fraction of force lost",
    severity=0.3,
    parameters=lambda s: {"actuator_strength": {"scale": 1 - s}},
    highest=0.99,
)

LAGGY = Shift(
    "a long wire to the motors; severity: delay of the action in control steps",
    severity=2,
    parameters=lambda s: {"action_delay": {"set": s}},
    highest=64,
)
