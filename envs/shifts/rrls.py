"""Boxes of uncertain parameters of RRLS, the robust reinforcement learning suite (Zouitine et al. 2024,
arXiv 2406.08406): one, two or three parameters of an environment, each uniform between two ends.

From the suite (its file of each environment): which parameters, and the ends. A box does not always hold the nominal
robot: hopper's torso weighs 3.67 kg, its box ends at 3.0. Other than there, inertia goes along with the mass, and the
friction of the world multiplies every effective friction by the same number: of hopper and walker the suite sets the
floor's alone, which does nothing for a foot whose own coefficient is larger.

The severity is the share of the box: each end lies that far on the way from the nominal value to the suite's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .shift import Parameters, Shift

__all__ = ["BOXES", "RRLS", "Uncertain"]


class Uncertain(NamedTuple):
    """One parameter of a box: the object's nominal value, and the ends of what it may be, both in its unit."""

    parameter: str
    select: str
    nominal: float
    low: float
    high: float


def _friction(nominal: float, low: float, high: float) -> Uncertain:
    return Uncertain("geom_friction", "*", nominal, low, high)


def _mass(body: str, nominal: float, low: float, high: float) -> Uncertain:
    return Uncertain("body_mass", body, nominal, low, high)


# The first n of a row are its box of n, but for those of ALONE.
BOXES: dict[str, tuple[Uncertain, ...]] = {
    "hopper": (
        _friction(1.0, 0.1, 3.0),
        _mass("torso", 3.6651914291880923, 0.1, 3.0),
        _mass("thigh", 4.057890510886818, 0.1, 4.0),
    ),
    "half_cheetah": (
        _friction(0.4, 0.1, 4.0),
        _mass("torso", 6.25020920502092, 0.1, 7.0),
        _mass("bthigh", 1.5435146443514645, 0.1, 3.0),
    ),
    "walker2d": (
        _friction(0.7, 0.1, 4.0),
        _mass("torso", 3.6651914291880923, 0.1, 5.0),
        _mass("thigh", 4.057890510886818, 0.1, 6.0),
    ),
    "ant": (
        _mass("torso", 0.32724923474893675, 0.1, 3.0),
        _mass("front_left_leg", 0.03915775372846671, 0.01, 3.0),
        _mass("front_right_leg", 0.03915775372846671, 0.01, 3.0),
    ),
    "humanoid_standup": (
        _mass("torso", 8.907462370478262, 0.1, 16.0),
        _mass("right_foot", 1.7671458676442586, 0.1, 8.0),
        _mass("left_thigh", 4.751750928806242, 0.1, 5.0),
    ),
    "inverted_pendulum": (
        _mass("pole", 5.018591641363306, 1.0, 31.0),
        _mass("cart", 10.47197551196598, 1.0, 11.0),
    ),
}

ALONE: dict[str, tuple[Uncertain, ...]] = {"half_cheetah": (_friction(0.4, 0.1, 3.0),)}
"""Boxes of one whose ends are not those of the first in the box of three."""


def _box(uncertain: tuple[Uncertain, ...]) -> Parameters:
    def parameters(severity: float) -> Mapping[str, Any]:
        entries: dict[str, list[dict[str, Any]]] = {}
        for parameter, select, nominal, low, high in uncertain:
            ends = [1 + severity * (end / nominal - 1) for end in (low, high)]
            entries.setdefault(parameter, []).append({"select": select, "scale": {"uniform": ends}})
        return entries

    return parameters


def _boxes(num: int, words: str) -> Shift:
    return Shift(
        f"{words} of RRLS uniform in its box; severity: share of the box",
        severity=1.0,
        parameters={
            env: _box(ALONE.get(env, box[:num]) if num == 1 else box[:num])
            for env, box in BOXES.items()
            if len(box) >= num
        },
        highest=1.0,
    )


RRLS: dict[str, Shift] = {
    "rrls_1": _boxes(1, "the first uncertain parameter"),
    "rrls_2": _boxes(2, "the first two uncertain parameters"),
    "rrls_3": _boxes(3, "all three uncertain parameters"),
}
