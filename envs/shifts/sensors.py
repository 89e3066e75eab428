"""Shifts between the state and the observation.

All entries are disturbed alike, each in its own unit; a domain of one's own may select some.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .shift import Shift

__all__ = ["SENSORS"]

_DRIFT_STEPS = 100


def _saturated(severity: float) -> Mapping[str, Any]:
    if severity == 0:
        return {}  # no largest reading is no finite number
    return {"observation_saturation": {"set": 1 / severity}}


SENSORS: dict[str, Shift] = {
    "noisy": Shift(
        "noisy sensors; severity: standard deviation of white noise on every observation entry, in its unit",
        severity=0.05,
        parameters=lambda s: {"observation_noise": {"set": s}},
    ),
    "biased": Shift(
        "sensors that were never zeroed; severity: constant offset of every entry, in its unit",
        severity=0.1,
        parameters=lambda s: {"observation_bias": {"set": s}},
    ),
    "drifting": Shift(
        f"sensors whose zero wanders off; severity: offset of every entry after {_DRIFT_STEPS} steps, in its unit",
        severity=0.1,
        parameters=lambda s: {"observation_drift": {"set": s / _DRIFT_STEPS}},
    ),
    "late": Shift(
        "slow sensors; severity: delay of the observation in control steps",
        severity=2,
        parameters=lambda s: {"observation_delay": {"set": s}},
        highest=64,
        integer=True,
    ),
    "dropout": Shift(
        "readings that come as 0 for 3 steps; severity: probability per step and entry that this begins",
        severity=0.05,
        parameters=lambda s: {"observation_dropout": {"set": s}, "observation_dropout_steps": {"set": 3}},
        highest=1.0,
    ),
    "stuck": Shift(
        "readings that repeat themselves for 5 steps; severity: probability per step and entry that this begins",
        severity=0.1,
        parameters=lambda s: {"observation_stuck": {"set": s}, "observation_stuck_steps": {"set": 5}},
        highest=1.0,
    ),
    "quantised": Shift(
        "few bits for a reading; severity: step between two readings of every entry, in its unit",
        severity=0.1,
        parameters=lambda s: {"observation_quantisation": {"set": s}},
    ),
    "saturated": Shift(
        "sensors with a short range; severity: one over the largest reading of every entry, in its unit",
        severity=1.0,
        parameters=_saturated,
    ),
    "miscalibrated": Shift(
        "readings too large in proportion; severity: fraction added to every entry",
        severity=0.1,
        parameters=lambda s: {"observation_scale": {"scale": 1 + s}},
    ),
}
