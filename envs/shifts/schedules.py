"""Perturbation schedules: a physical parameter that moves within the episode.

The kinds, and what they are called, are those of the Real-World RL suite (Dulac-Arnold et al. 2021,
doi:10.1007/s10994-021-05961-4): random walk; drift; cyclic, which goes to the end and jumps back to the start; and saw
wave, which turns round at either end. There the parameter moves by random steps from one episode to the next; here it
does so evenly, but for the walk, and from one control step to the next, which a policy cannot wait out. 100 steps are a
period, or what a drift takes to its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .shift import Shift

__all__ = ["SCHEDULES"]

_STEPS = 100
# by short name: parameter, objects, and the direction in which it makes life harder
_MOVED = {
    "mass": ("body_mass", "*", 1),
    "damping": ("dof_damping", "@joints", 1),
    "friction": ("geom_friction", "*", -1),
}
_KINDS = {
    "walk": "walks at random",
    "drift": "drifts away",
    "cycle": "rises or falls and jumps back",
    "saw": "comes and goes",
}
_WAVES = {"cycle": "saw", "saw": "triangle"}  # the suite's word -> the profile's


def _profile(kind: str, reach: float) -> dict[str, list[float]]:
    """Return the profile of a factor that starts at 1 and goes as far as 1 + reach, a walk to both sides."""
    if kind == "walk":  # sd sqrt(_STEPS) / 10 = reach after a period, if nothing held it
        return {"walk": [abs(reach) / 10, 1 - abs(reach), 1 + abs(reach)]}
    return {"drift": [reach / _STEPS, 1 + reach]} if kind == "drift" else {_WAVES[kind]: [reach, _STEPS]}


def _schedule(kind: str, moved: str) -> Shift:
    parameter, select, sign = _MOVED[moved]

    def parameters(severity: float) -> Mapping[str, Any]:
        if severity == 0:
            return {}  # a profile needs somewhere to go
        return {parameter: {"select": select, "scale": 1.0, "in_time": _profile(kind, sign * severity)}}

    return Shift(
        f"{moved} {_KINDS[kind]} within the episode; severity: largest change as a fraction",
        severity=0.5,
        parameters=parameters,
        highest=0.95,
    )


SCHEDULES: dict[str, Shift] = {f"rwrl_{moved}_{kind}": _schedule(kind, moved) for moved in _MOVED for kind in _KINDS}
