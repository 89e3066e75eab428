"""Shifts of bodies and ground."""

from .shift import Shift

__all__ = ["DAMPED", "HEAVY", "SLIPPERY"]

HEAVY = Shift(
    "every body heavier, inertia in proportion; severity: fraction of mass added",
    severity=0.5,
    parameters=lambda s: {"body_mass": {"scale": 1 + s}},
)

SLIPPERY = Shift(
    "less friction between robot and ground; severity: fraction of effective friction lost",
    severity=0.6,
    parameters=lambda s: {"geom_friction": {"scale": 1 - s}},
    highest=0.99,
)

DAMPED = Shift(
    "stiff bearings; severity: fraction of joint damping added",
    severity=1.0,
    parameters=lambda s: {"dof_damping": {"scale": 1 + s}},
)
