"""Shifts of the robot's build: lengths and thicknesses of its links, masses recomputed. They change in steps of 0.01.

The highest severities leave every robot healthy where it starts: the heights between which a task calls it that are
fixed numbers, and beyond them an episode is over before the policy has acted twice.

The bodies that are legs are named robot by robot, as no pattern says it for all of them; other robots are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .shift import Parameters, Shift

__all__ = ["BUILDS", "LEGS", "RESOLUTION", "Selections", "scaled"]

RESOLUTION = 0.01  # of a build's scale: `envs.worlds.worlds.morphology` rounds it to hundredths

Selections = Mapping[str, Sequence[str]]
"""environment -> names or patterns"""

# The parts of a leg that carry length, from hip to ankle; feet are left as they are.
LEGS: Selections = {
    "hopper": ("thigh", "leg"),
    "walker2d": ("thigh*", "leg*"),
    "half_cheetah": ("?thigh", "?shin"),
    "ant": ("aux_*", "body*"),  # the model leaves its shins unnamed
    "humanoid": ("*_thigh", "*_shin"),
    "humanoid_standup": ("*_thigh", "*_shin"),
}


def scaled(parameter: str, selections: Selections, factor: Callable[[float], float]) -> dict[str, Parameters]:
    """Return, by environment, what multiplies `parameter` of the selected objects by factor(severity)."""

    def make(select: Sequence[str]) -> Parameters:
        def parameters(severity: float) -> Mapping[str, Any]:
            return {parameter: {"select": list(select), "scale": factor(severity)}}

        return parameters

    return {env: make(select) for env, select in selections.items()}


BUILDS: dict[str, Shift] = {
    "short_legs": Shift(
        "shorter legs; severity: fraction of their length lost",
        severity=0.2,
        parameters=scaled("link_length", LEGS, lambda s: 1 - s),
        highest=0.4,  # with less, hopper, walker2d and humanoid start below the height at which they count as fallen
        resolution=RESOLUTION,
    ),
    "long_legs": Shift(
        "longer legs; severity: fraction of their length added",
        severity=0.2,
        parameters=scaled("link_length", LEGS, lambda s: 1 + s),
        highest=0.5,  # with more, walker2d and humanoid start above the height up to which they count as healthy
        resolution=RESOLUTION,
    ),
    "thick": Shift(
        "every link thicker and so heavier; severity: fraction of thickness added",
        severity=0.2,
        parameters=lambda s: {"link_thickness": {"scale": 1 + s}},
        highest=0.4,  # a thicker ant stands on thicker feet, and starts above the height up to which it is healthy
        resolution=RESOLUTION,
    ),
}
