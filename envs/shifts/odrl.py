"""Shifts of ODRL, the off-dynamics reinforcement learning benchmark (Lyu et al. 2024, arXiv 2410.20750).

From the benchmark: the factors of friction and gravity (0.1, 0.5, 2, 5), those of the range of joints (0.8, 0.5, 0.2
for easy, medium, hard, both ends multiplied) and which parts of which robot are touched. Other than there, friction is
the effective one: its files lower the robot's own and leave the floor's, which is the larger, so that 0.1 and 0.5 come
out alike.

Morphologies are those of the humanoid's files: shins of 1.25 (easy), 0.75 (medium) and 1.5 (hard) times the thickness,
torso and waist of 1.25, 1.5 and 0.5. So some levels are thicker and some thinner, and each way is a shift of its own.
These factors are used for every robot, as the files of the others have not been looked up. The humanoid's head, a
sphere of the torso's body, changes with it here and not there.
"""

from __future__ import annotations

from collections.abc import Mapping

from .builds import RESOLUTION, Selections, scaled
from .shift import Parameters, Shift

__all__ = ["ODRL"]

_LOW, _HIGH = {"x0.5": 0.5, "x0.1": 0.9}, {"x2": 1.0, "x5": 4.0}
_RANGES = {"easy": 0.2, "medium": 0.5, "hard": 0.8}

# In the words of the benchmark: footjnt of hopper, half_cheetah and walker2d, anklejnt of ant, kneejnt of humanoid.
_FEET: Selections = {
    "hopper": ("foot_joint",),
    "walker2d": ("foot*",),
    "half_cheetah": ("?foot",),
    "ant": ("ankle_*",),
    "humanoid": ("*_knee",),
}
# thighjnt of half_cheetah and walker2d, legjnt of hopper, hipjnt of ant and humanoid.
_THIGHS: Selections = {
    "hopper": ("leg_joint",),
    "walker2d": ("thigh*",),
    "half_cheetah": ("?thigh",),
    "ant": ("hip_*",),
    "humanoid": ("*_hip_?",),
}
_TORSOS: Selections = {
    "hopper": ("torso",),
    "walker2d": ("torso",),
    "half_cheetah": ("torso",),
    "humanoid": ("torso", "lwaist"),
}
# morph-foot of hopper, -leg of walker2d and humanoid, -thigh of half_cheetah, -alllegs of ant.
_LEGS: Selections = {
    "hopper": ("foot",),
    "walker2d": ("leg*",),
    "half_cheetah": ("?thigh",),
    "ant": ("*_leg", "aux_*", "body*"),  # the model leaves its shins unnamed
    "humanoid": ("*_shin",),
}


def _factor(parameter: str, sign: int, select: str = "*") -> Parameters:
    return lambda s: {parameter: {"select": select, "scale": 1 + sign * s}}


def _range(what: str, selections: Selections | None) -> Shift:
    everywhere = _factor("joint_range", -1, "@joints")
    parameters = scaled("joint_range", selections, lambda s: 1 - s) if selections else everywhere
    summary = f"{what} turn less far, both ends of their range multiplied; severity: fraction lost"
    return Shift(summary, severity=0.8, parameters=parameters, highest=0.99, levels=_RANGES)


def _thicker(what: str, selections: Selections, levels: Mapping[str, float]) -> Shift:
    parameters = scaled("link_thickness", selections, lambda s: 1 + s)
    summary = f"thicker {what}; severity: fraction of thickness added"
    return Shift(summary, severity=0.5, parameters=parameters, highest=2.0, levels=levels, resolution=RESOLUTION)


def _thinner(what: str, selections: Selections, levels: Mapping[str, float]) -> Shift:
    parameters = scaled("link_thickness", selections, lambda s: 1 - s)
    summary = f"thinner {what}; severity: fraction of thickness lost"
    default = max(levels.values())
    return Shift(summary, default, parameters, highest=0.9, levels=levels, resolution=RESOLUTION)


ODRL: dict[str, Shift] = {
    "odrl_friction_low": Shift(
        "less friction; severity: fraction of effective friction lost",
        severity=0.5,
        parameters=_factor("geom_friction", -1),
        highest=0.99,
        levels=_LOW,
    ),
    "odrl_friction_high": Shift(
        "more friction; severity: fraction of effective friction added",
        severity=4.0,
        parameters=_factor("geom_friction", 1),
        highest=9.0,
        levels=_HIGH,
    ),
    "odrl_gravity_low": Shift(
        "less gravity; severity: fraction lost",
        severity=0.5,
        parameters=_factor("gravity", -1),
        highest=0.99,
        levels=_LOW,
    ),
    "odrl_gravity_high": Shift(
        "more gravity; severity: fraction added",
        severity=1.0,
        parameters=_factor("gravity", 1),
        highest=9.0,
        levels=_HIGH,
    ),
    "odrl_kinematic": _range("all limited joints", None),
    "odrl_kinematic_foot": _range("feet, ankles or knees", _FEET),
    "odrl_kinematic_thigh": _range("thighs, hips or the leg", _THIGHS),
    "odrl_morph_torso": _thicker("torso", _TORSOS, {"easy": 0.25, "medium": 0.5}),
    "odrl_morph_torso_thin": _thinner("torso", _TORSOS, {"hard": 0.5}),
    "odrl_morph_legs": _thicker("legs, or parts of them", _LEGS, {"easy": 0.25, "hard": 0.5}),
    "odrl_morph_legs_thin": _thinner("legs, or parts of them", _LEGS, {"medium": 0.25}),
}
