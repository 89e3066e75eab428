"""Shifts of what nobody randomises.

One parameter is off by 20 % and the source domains of this suite (configs/) never move it: mass, friction, damping and
motor strength are randomised there, these are not. After the under-modelled variants in Tiboni et al. 2023, DROPO:
sim-to-real transfer with offline domain randomization (arXiv 2201.08434), where the parameter that is off is left out
of the randomised ones; which parameter is taken here is this suite's choice.
"""

from .shift import Shift

__all__ = ["UNMODELLED"]

UNMODELLED: dict[str, Shift] = {
    "unmodelled_inertia": Shift(
        "inertia of every body larger at the same mass; severity: fraction added",
        severity=0.2,
        parameters=lambda s: {"body_inertia": {"scale": 1 + s}},
    ),
    "unmodelled_armature": Shift(
        "heavier rotors; severity: fraction added to every joint's armature",
        severity=0.2,
        parameters=lambda s: {"dof_armature": {"select": "@joints", "scale": 1 + s}},
    ),
    "unmodelled_contact": Shift(
        "softer contacts; severity: fraction added to their time constant",
        severity=0.2,
        parameters=lambda s: {"contact_time_constant": {"scale": 1 + s}},
    ),
    "unmodelled_gravity": Shift(
        "stronger gravity; severity: fraction added",
        severity=0.2,
        parameters=lambda s: {"gravity": {"scale": 1 + s}},
    ),
}
