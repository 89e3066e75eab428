"""Shifts between the action and the force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .shift import Shift

__all__ = ["ACTUATORS"]

_SAG_STEPS = 200  # control steps a battery takes to sag; a tenth to a half of most episodes


def _battery_sag(severity: float) -> Mapping[str, Any]:
    if severity == 0:
        return {}  # a drift needs a slope
    return {"actuator_strength": {"scale": 1.0, "in_time": {"drift": [-severity / _SAG_STEPS, 1 - severity]}}}


def _slow_motors(severity: float) -> Mapping[str, Any]:
    if severity == 0:
        return {}  # no limit of the rate is no finite number
    return {"action_lag": {"set": severity}, "action_rate_limit": {"set": 0.01 / severity}}


ACTUATORS: dict[str, Shift] = {
    "weak": Shift(
        "tired motors; severity: fraction of force lost",
        severity=0.3,
        parameters=lambda s: {"actuator_strength": {"scale": 1 - s}},
        highest=0.99,
    ),
    "broken_motor": Shift(
        "one motor, another one every episode, nearly dead; severity: fraction of its force lost",
        severity=0.8,
        parameters=lambda s: {"actuator_strength": {"one_of": "*", "scale": 1 - s}},
        highest=1.0,
    ),
    "asymmetric": Shift(
        "left motors weaker and right ones stronger; severity: fraction of force moved",
        severity=0.2,
        parameters=lambda s: {
            "actuator_strength": [{"select": "@left", "scale": 1 - s}, {"select": "@right", "scale": 1 + s}]
        },
        highest=0.99,
    ),
    "battery_sag": Shift(
        f"force that falls over the first {_SAG_STEPS} steps of an episode; severity: fraction lost at the end",
        severity=0.4,
        parameters=_battery_sag,
        highest=0.99,
    ),
    "capped": Shift(
        "motors that cannot give their full force; severity: fraction of the largest force lost",
        severity=0.4,
        parameters=lambda s: {"actuator_force_limit": {"scale": 1 - s}},
        highest=0.99,
    ),
    "laggy": Shift(
        "a long wire to the motors; severity: delay of the action in control steps",
        severity=2,
        parameters=lambda s: {"action_delay": {"set": s}},
        highest=64,
        integer=True,
    ),
    "slow_motors": Shift(
        "motors that follow late and not at any rate; severity: time constant of their lag in s, "
        "while an action may change by 0.01 s over that a step",
        severity=0.04,
        parameters=_slow_motors,
        highest=1.0,
    ),
    "sticky": Shift(
        "worn gears; severity: play in units of the action, half of it a dead zone",
        severity=0.2,
        parameters=lambda s: {"action_backlash": {"set": s}, "action_dead_zone": {"set": s / 2}},
    ),
    "coarse": Shift(
        "few bits for the command; severity: step between two commands, in units of the action",
        severity=0.25,
        parameters=lambda s: {"action_quantisation": {"set": s}},
    ),
}
