"""Actuators, by the force that answers to control, position and velocity."""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np

from ...physics.nominal import actuator_names
from .measure import EXACT, Measure

__all__ = ["ACTUATOR_MEASURES"]

_SMALL = 0.01  # of the control range: below any force limit worth the name
_SPEED = 1e-3  # rad/s or m/s
Measured = dict[str, float]
Answer = Callable[[mujoco.MjModel, mujoco.MjData, int], float]


def _force(model: mujoco.MjModel, data: mujoco.MjData, actuator: int, ctrl: float, speed: float = 0.0) -> float:
    """Return the actuator's own force in the default pose, every other at rest."""
    mujoco.mj_resetData(model, data)
    data.ctrl[actuator] = ctrl
    if speed:
        data.qvel[:] = speed
    mujoco.mj_forward(model, data)
    return float(data.actuator_force[actuator])


def _bounds(model: mujoco.MjModel, actuator: int) -> tuple[float, float]:
    if not model.actuator_ctrllimited[actuator]:
        return -1.0, 1.0
    low, high = model.actuator_ctrlrange[actuator]
    return float(low), float(high)


def _gain(model: mujoco.MjModel, data: mujoco.MjData, actuator: int) -> float:
    """Return how what arrives at the joints grows with the control: gain times transmission, gear included.

    That is the greatest of the generalised forces; in a pose in which none arrives, the actuator's own.
    """
    low, high = _bounds(model, actuator)
    step = _SMALL * (high - low)
    middle = float(np.clip(0.0, low + step, high - step))
    own, arriving = [], []
    for control in (middle + step, middle - step):
        own.append(_force(model, data, actuator, control))
        arriving.append(data.qfrc_actuator.copy())
    change = arriving[0] - arriving[1]
    if not change.any():
        return (own[0] - own[1]) / (2 * step)
    return float(change[np.argmax(np.abs(change))]) / (2 * step)


def _limit(model: mujoco.MjModel, data: mujoco.MjData, actuator: int) -> float:
    """Return the largest force; NaN where it stays below the limit, which cannot be told then."""
    force = max(abs(_force(model, data, actuator, end)) for end in _bounds(model, actuator))
    limit = float(np.abs(model.actuator_forcerange[actuator]).max())
    return np.nan if model.actuator_forcelimited[actuator] and force < limit * (1 - EXACT) else force


def _brake(model: mujoco.MjModel, data: mujoco.MjData, actuator: int) -> float:
    return _force(model, data, actuator, 0.0, -_SPEED) - _force(model, data, actuator, 0.0, _SPEED)


def _each(answer: Answer) -> Callable[[mujoco.MjModel, mujoco.MjData, np.random.Generator], Measured]:
    return lambda model, data, rng: {
        name: answer(model, data, i) for i, name in enumerate(actuator_names(model)) if not model.actuator_dyntype[i]
    }


ACTUATOR_MEASURES = {
    "actuator_strength": Measure(
        _each(_gain),
        "the force per control at the joints over the nominal one",
        relative=True,
        together=(("servo_kp", "servo_kd"),),
    ),
    "servo_kp": Measure(
        _each(_gain),
        "the force per control at the joints over the nominal one",
        relative=True,
        together=(("actuator_strength",),),
    ),
    "servo_kd": Measure(
        _each(_brake), "the force per speed over the nominal one", relative=True, together=(("actuator_strength",),)
    ),
    "actuator_force_limit": Measure(_each(_limit), "the largest force over the nominal one", relative=True),
}
