"""Composed stand-ins for the real world: each touches physics, actuators and sensors at once.

What a machine is like after years, in winter, under a load, on cheap parts, on a long cable, on another floor. The
severity multiplies every part (counts of steps are rounded); 1 is the default. No number is measured on a machine:
each part alone is mild, and together they are more than the sum, as they are outside of simulation.
"""

from collections.abc import Callable, Mapping
from typing import Any

from .shift import Shift, nearest_count

__all__ = ["COMPOSED"]

_SAG_STEPS = 200  # control steps motors take to heat up


def _worn(s: float) -> Mapping[str, Any]:
    return {
        "dof_damping": {"select": "@joints", "scale": 1 + 0.5 * s},
        "dof_frictionloss": {"select": "@joints", "add": 0.02 * s},
        "actuator_strength": {"scale": 1 - 0.15 * s},
        "action_backlash": {"set": 0.05 * s},
        "observation_bias": {"set": 0.01 * s},
        "observation_noise": {"set": 0.01 * s},
    }


def _cold(s: float) -> Mapping[str, Any]:
    return {
        "dof_damping": {"select": "@joints", "scale": 1 + 2 * s},
        "actuator_strength": {"scale": 1 - 0.1 * s},
        "action_lag": {"set": 0.01 * s},
        "observation_scale": {"scale": 1 - 0.03 * s},
        "observation_drift": {"set": 2e-4 * s},
    }


def _payload(s: float) -> Mapping[str, Any]:
    hot = {"in_time": {"drift": [-0.1 * s / _SAG_STEPS, 1 - 0.1 * s]}} if s > 0 else {}
    return {
        "body_mass": {"select": "@base", "scale": 1 + 0.4 * s},
        "actuator_strength": {"scale": 1.0, **hot},
        "observation_bias": {"set": 0.02 * s},
    }


def _cheap_sensors(s: float) -> Mapping[str, Any]:
    return {
        "body_mass": {"scale": 1 + 0.03 * s},
        "action_noise": {"set": 0.02 * s},
        "observation_scale": {"scale": 1 + 0.03 * s},
        "observation_bias": {"set": 0.02 * s},
        "observation_drift": {"set": 2e-4 * s},
        "observation_delay": {"set": nearest_count(s)},
        "observation_dropout": {"set": 0.01 * s},
        "observation_noise": {"set": 0.03 * s},
        "observation_quantisation": {"set": 0.02 * s},
    }


def _long_cable(s: float) -> Mapping[str, Any]:
    return {
        "body_mass": {"select": "@base", "scale": 1 + 0.05 * s},
        "steady_force_x": {"select": "@base", "set": -0.5 * s},
        "action_delay": {"set": nearest_count(s)},
        "action_jitter": {"set": nearest_count(s)},
        "actuator_strength": {"scale": 1 - 0.05 * s},
        "observation_delay": {"set": nearest_count(s)},
        "observation_dropout": {"set": 0.01 * s},
    }


def _new_floor(s: float) -> Mapping[str, Any]:
    return {
        "geom_friction": {"scale": 1 - 0.3 * s},
        "contact_time_constant": {"scale": 1 + 0.5 * s},
        "gravity_tilt_y": {"set": 0.02 * s},
        "action_noise": {"set": 0.02 * s},
        "observation_noise": {"set": 0.02 * s},
    }


def _composed(what: str, parameters: Callable[[float], Mapping[str, Any]]) -> Shift:
    return Shift(f"{what}; severity: factor on all parts", severity=1.0, parameters=parameters, highest=3.0)


COMPOSED: dict[str, Shift] = {
    "worn": _composed("an old robot: stiff joints, play, tired motors, sensors never zeroed again", _worn),
    "cold": _composed("a robot in winter: thick grease, slow motors, sensors that read low", _cold),
    "payload": _composed(
        "a robot that carries something: heavy base, motors that heat up, a bent sensor mount", _payload
    ),
    "cheap_sensors": _composed("cheap parts: noise, bias, drift, dropout, few bits, a step late", _cheap_sensors),
    "long_cable": _composed("a robot on a cable: delays both ways, a pull backward, less voltage", _long_cable),
    "new_floor": _composed("another floor: slippery, soft, not level, and it shakes", _new_floor),
}
