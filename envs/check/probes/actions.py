"""Actions: what becomes of them until they hold the physics' controls and move its state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..pairs.recording import has_state, record
from ..pairs.signals import first_difference, grid_step, oldest_match, pooled_sd
from ..pairs.verdict import Quantity
from ..pairs.world_pair import WorldPair
from .entries import by_entry, by_world, columns_of, delay_quantity

__all__ = ["ACTION_PROBES"]

Array = NDArray[np.float64]
_ROUNDING = 1e-6  # actions are float32


def probe_delay(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Step every entry of the action by itself; the delay is when the state first differs from that without.

    Both runs share their seed, so that whatever else is random in them is the same to the bit. Where no state can be
    seen, what is handed to the environment counts.
    """
    seen = has_state(pair.shifted)
    extra = pair.expectation.largest("action_jitter")
    steps = pair.expectation.largest(parameter) + extra + 4
    still = pair.constant_actions(np.zeros(pair.num_actions), steps)
    rest = record(pair.shifted, still, pair.seed)
    quantities = []
    for entry in np.flatnonzero(pair.expectation.named(parameter)).tolist():
        stepped, columns = still.copy(), columns_of(pair, parameter, entry)
        stepped[:, :, columns] = pair.held_action[columns]
        moved = record(pair.shifted, stepped, pair.seed)
        onset = first_difference(moved.state[1:] != rest.state[1:] if seen else moved.ctrl != rest.ctrl)
        delay = np.where(moved.sound & rest.sound, onset, np.nan)
        how = f"the number of control steps before an action {'moves the state' if seen else 'arrives'}"
        quantities.append(delay_quantity(pair, parameter, entry, how, delay, extra))
    return quantities


def probe_noise(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the sd of the controls under actions of zero, over all worlds and steps."""
    intended = pair.expectation.values(parameter)
    ctrl = pair.still.ctrl[:, pair.still.sound]
    return by_entry(pair, parameter, "the sd of the control at rest", *pooled_sd(ctrl, intended[pair.still.sound]))


def _settled(pair: WorldPair) -> Array:
    """Return what a constant action makes of the control in the end, (num_envs, act_dim): noise cancels."""
    settled: Array = pair.held.ctrl[-1] - pair.still.ctrl[-1]
    return settled


def probe_scale(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the control that a constant action leads to, over that action."""
    return by_world(pair, parameter, "the control over the action", _settled(pair) / pair.held_action)


def probe_dead_zone(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return what is lost of a constant action; one that lies within the dead zone cannot tell its width."""
    settled = np.abs(_settled(pair))
    lost = np.where(settled > 0, np.abs(pair.held_action) - settled, np.nan)
    return by_world(pair, parameter, "what is lost of an action", lost)


def probe_backlash(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return twice what is lost of an action that moves the gear out of the middle of its play."""
    settled = np.abs(_settled(pair))
    lost = np.where(settled > 0, 2 * (np.abs(pair.held_action) - settled), np.nan)
    return by_world(pair, parameter, "twice what is lost of an action", lost)


def probe_rate_limit(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the first change of the control under a constant action, unless it arrives at once."""
    rise = np.abs(pair.held.ctrl[0] - pair.still.ctrl[0])
    reached = rise >= np.abs(pair.held_action) * (1 - _ROUNDING)
    return by_world(pair, parameter, "the largest change of the control", np.where(reached, np.nan, rise))


def probe_lag(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the time constant at which the control approaches a constant action: -dt / ln(1 - first step)."""
    share = (pair.held.ctrl[0] - pair.still.ctrl[0]) / pair.held_action
    step = pair.control_period
    with np.errstate(divide="ignore", invalid="ignore"):
        constant = np.where(share < 1, -step / np.log1p(-np.minimum(share, 1 - 1e-15)), 0.0)
    tolerance = 1e-4 * pair.expectation.values(parameter) + 1e-6
    return by_world(pair, parameter, "the time constant of the control", constant, tolerance)


def probe_quantisation(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the grid that controls lie on under random actions."""
    step = pair.expectation.values(parameter)
    found = grid_step(pair.free.ctrl, pair.free.actions, step)
    return by_world(pair, parameter, "the step between controls", found, 1e-6 * step + 1e-12)


def probe_repeat(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return after how many steps a control first changes, under random actions."""
    changes = (np.diff(pair.free.ctrl, axis=0) != 0).any(axis=2)
    found = 1.0 + first_difference(changes)[:, None]
    return by_world(pair, parameter, "the number of steps before a control changes", found)


def probe_jitter(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the largest age of the actions that arrive, entry by entry."""
    largest = pair.expectation.values(parameter)
    found = oldest_match(pair.free.ctrl, pair.free.actions, int(largest.max()) + 2)
    tolerance = 0.5 + 0.1 * largest  # the largest of 100 draws may not be the largest there is
    return by_world(pair, parameter, "the largest extra delay", found, tolerance)


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
