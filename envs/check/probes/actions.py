"""Actions: what becomes of them until they hold the physics' controls and move its state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..pairs.signals import first_difference, grid_step, oldest_match, pooled_sd
from ..pairs.staging import record
from ..pairs.trial import Trial
from ..pairs.verdict import Quantity
from .entries import by_entry, by_world, columns_of, delay_quantity

__all__ = ["ACTION_PROBES"]

Array = NDArray[np.float64]
_ROUNDING = 1e-6  # actions are float32


def probe_delay(trial: Trial, parameter: str) -> list[Quantity]:
    """Step every entry of the action by itself; the delay is when the state first differs from that without.

    Both runs share their seed, so that whatever else is random in them is the same to the bit.
    """
    extra = trial.intention.largest("action_jitter")
    steps = trial.intention.largest(parameter) + extra + 4
    still = trial.constant_actions(np.zeros(trial.num_actions), steps)
    rest = record(trial.shifted, still, trial.seed)
    quantities = []
    for entry in np.flatnonzero(trial.intention.named(parameter)).tolist():
        stepped, columns = still.copy(), columns_of(trial, parameter, entry)
        stepped[:, :, columns] = trial.held_action[columns]
        moved = record(trial.shifted, stepped, trial.seed)
        onset = first_difference(moved.state[1:] != rest.state[1:])
        delay = np.where(moved.sound & rest.sound, onset, np.nan)
        how = "the number of control steps before an action moves the state"
        quantities.append(delay_quantity(trial, parameter, entry, how, delay, extra))
    return quantities


def probe_noise(trial: Trial, parameter: str) -> list[Quantity]:
    """Return the sd of the controls under actions of zero, over all worlds and steps."""
    intended = trial.intention.values(parameter)
    ctrl = trial.still.ctrl[:, trial.still.sound]
    return by_entry(trial, parameter, "the sd of the control at rest", *pooled_sd(ctrl, intended[trial.still.sound]))


def _settled(trial: Trial) -> Array:
    """Return what a constant action makes of the control in the end, (num_envs, act_dim): noise cancels."""
    settled: Array = trial.held.ctrl[-1] - trial.still.ctrl[-1]
    return settled


def probe_scale(trial: Trial, parameter: str) -> list[Quantity]:
    """Return the control that a constant action leads to, over that action."""
    return by_world(trial, parameter, "the control over the action", _settled(trial) / trial.held_action)


def probe_dead_zone(trial: Trial, parameter: str) -> list[Quantity]:
    """Return what is lost of a constant action; one that lies within the dead zone cannot tell its width."""
    settled = np.abs(_settled(trial))
    lost = np.where(settled > 0, np.abs(trial.held_action) - settled, np.nan)
    return by_world(trial, parameter, "what is lost of an action", lost)


def probe_backlash(trial: Trial, parameter: str) -> list[Quantity]:
    """Return twice what is lost of an action that moves the gear out of the middle of its play."""
    settled = np.abs(_settled(trial))
    lost = np.where(settled > 0, 2 * (np.abs(trial.held_action) - settled), np.nan)
    return by_world(trial, parameter, "twice what is lost of an action", lost)


def probe_rate_limit(trial: Trial, parameter: str) -> list[Quantity]:
    """Return the first change of the control under a constant action, unless it arrives at once."""
    rise = np.abs(trial.held.ctrl[0] - trial.still.ctrl[0])
    reached = rise >= np.abs(trial.held_action) * (1 - _ROUNDING)
    return by_world(trial, parameter, "the largest change of the control", np.where(reached, np.nan, rise))


def probe_lag(trial: Trial, parameter: str) -> list[Quantity]:
    """Return the time constant at which the control approaches a constant action: -dt / ln(1 - first step)."""
    share = (trial.held.ctrl[0] - trial.still.ctrl[0]) / trial.held_action
    step = trial.control_period
    with np.errstate(divide="ignore", invalid="ignore"):
        constant = np.where(share < 1, -step / np.log1p(-np.minimum(share, 1 - 1e-15)), 0.0)
    tolerance = 1e-4 * trial.intention.values(parameter) + 1e-6
    return by_world(trial, parameter, "the time constant of the control", constant, tolerance)


def probe_quantisation(trial: Trial, parameter: str) -> list[Quantity]:
    """Return the grid that controls lie on under random actions."""
    step = trial.intention.values(parameter)
    found = grid_step(trial.free.ctrl, trial.free.actions, step)
    return by_world(trial, parameter, "the step between controls", found, 1e-6 * step + 1e-12)


def probe_repeat(trial: Trial, parameter: str) -> list[Quantity]:
    """Return after how many steps a control first changes, under random actions."""
    changes = (np.diff(trial.free.ctrl, axis=0) != 0).any(axis=2)
    found = 1.0 + first_difference(changes)[:, None]
    return by_world(trial, parameter, "the number of steps before a control changes", found)


def probe_jitter(trial: Trial, parameter: str) -> list[Quantity]:
    """Return the largest age of the actions that arrive, entry by entry."""
    largest = trial.intention.values(parameter)
    found = oldest_match(trial.free.ctrl, trial.free.actions, int(largest.max()) + 2)
    tolerance = 0.5 + 0.1 * largest  # the largest of 100 draws may not be the largest there is
    return by_world(trial, parameter, "the largest extra delay", found, tolerance)


ACTION_PROBES = {
    "action_delay": probe_delay,
    "action_noise": probe_noise,
    "action_scale": probe_scale,
    "action_dead_zone": probe_dead_zone,
    "action_backlash": probe_backlash,
    "action_rate_limit": probe_rate_limit,
    "action_lag": probe_lag,
    "action_quantisation": probe_quantisation,
    "action_repeat": probe_repeat,
    "action_jitter": probe_jitter,
}
