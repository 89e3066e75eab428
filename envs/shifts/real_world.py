"""Shifts of the Real-World RL suite (Dulac-Arnold et al. 2021, doi:10.1007/s10994-021-05961-4, arXiv 2003.11881).

Its levels easy, medium and hard are delays of 3, 6, 9 control steps, Gaussian noise of sd 0.1, 0.3, 1.0 on actions and
observations, dropout and stuck sensors of probability 0.01, 0.05, 0.1 for 1, 5, 10 steps, and actions repeated 1, 2, 3
times (easy is the nominal 1). Where several numbers rise together the severity counts the levels, 0 nominal to 3 hard,
and between two of them numbers are interpolated, counts to the nearest integer.

The stages stand in the order of `channels`. Actions repeat, are late, get noise; in the suite they are late, get noise,
repeat, so that a noisy one is held. Readings get noise, are late, stuck, lost; there get noise, are lost, stuck, late.

Not taken over from the suite's combined challenges: delayed rewards, observation entries of pure noise, and one
physical parameter drawn anew every episode, which `parameters` of a domain do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .shift import Shift, nearest_count

__all__ = ["REAL_WORLD"]

_DELAYS = {"easy": 3, "medium": 6, "hard": 9}
_NOISES = {"easy": 0.1, "medium": 0.3, "hard": 1.0}
_STEPS_UP = {"easy": 1, "medium": 2, "hard": 3}
_REPEATS = {"easy": 0, "medium": 1, "hard": 2}


def _at(severity: float, levels: Sequence[float]) -> float:
    """Interpolate between the numbers of the levels 0, 1, 2, 3."""
    return float(np.interp(severity, range(4), levels))


def _count_at(severity: float, levels: Sequence[float]) -> int:
    return nearest_count(_at(severity, levels))


def _failing(kind: str, severity: float) -> Mapping[str, Any]:
    return {
        f"observation_{kind}": {"set": _at(severity, (0, 0.01, 0.05, 0.1))},
        f"observation_{kind}_steps": {"set": _count_at(severity, (1, 1, 5, 10))},
    }


def _combined(severity: float) -> Mapping[str, Any]:
    delay, noise = {"set": _count_at(severity, (0, 3, 6, 9))}, {"set": _at(severity, (0, 0.1, 0.3, 1.0))}
    return {
        "action_repeat": {"set": _count_at(severity, (1, 1, 2, 3))},
        "action_delay": delay,
        "action_noise": noise,
        "observation_delay": delay,
        **_failing("dropout", severity),
        **_failing("stuck", severity),
        "observation_noise": noise,
    }


def _delay(what: str) -> Shift:
    return Shift(
        f"{what}s that arrive late; severity: delay in control steps",
        severity=3,
        parameters=lambda s: {f"{what}_delay": {"set": s}},
        highest=64,
        levels=_DELAYS,
        integer=True,
    )


def _noise(what: str) -> Shift:
    return Shift(
        f"noise on {what}s; severity: its standard deviation, in the unit of each entry",
        severity=0.1,
        parameters=lambda s: {f"{what}_noise": {"set": s}},
        levels=_NOISES,
    )


REAL_WORLD: dict[str, Shift] = {
    "rwrl_action_delay": _delay("action"),
    "rwrl_observation_delay": _delay("observation"),
    "rwrl_action_noise": _noise("action"),
    "rwrl_observation_noise": _noise("observation"),
    "rwrl_dropout": Shift(
        "readings that come as 0; severity: level of probability and length, 1 easy, 2 medium, 3 hard",
        severity=2,
        parameters=lambda s: _failing("dropout", s),
        highest=3,
        levels=_STEPS_UP,
    ),
    "rwrl_stuck": Shift(
        "readings that repeat themselves; severity: level of probability and length, 1 easy, 2 medium, 3 hard",
        severity=2,
        parameters=lambda s: _failing("stuck", s),
        highest=3,
        levels=_STEPS_UP,
    ),
    "rwrl_action_repeat": Shift(
        "actions that are held; severity: control steps an action is held beyond its own",
        severity=1,
        parameters=lambda s: {"action_repeat": {"set": 1 + s}},
        highest=63,
        levels=_REPEATS,
        integer=True,
    ),
    "rwrl_combined": Shift(
        "delays, noise, dropout, stuck sensors and held actions at once; severity: level of all, "
        "1 easy, 2 medium, 3 hard",
        severity=1,
        parameters=_combined,
        highest=3,
        levels=_STEPS_UP,
    ),
}
