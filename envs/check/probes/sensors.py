"""Sensors: what becomes of the task's own observation of the physics until the agent has it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..pairs.signals import Mask, first_difference, grid_step, oldest_match, pooled_sd
from ..pairs.verdict import Quantity
from ..pairs.world_pair import WorldPair
from .entries import by_entry, by_world, columns_of, delay_quantity
from .events import event_lengths, event_rate

__all__ = ["SENSOR_PROBES"]

Array = NDArray[np.float64]
_ROUNDING = 1e-12  # of a reading: noise smaller than that may leave it as it is


def probe_delay(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Kick the robot; the delay is the time between the state's change and the reading's, entry by entry.

    The run without a kick shares the seed, so that noise is the same to the bit and cancels. An entry whose truth
    the kick does not change cannot tell.
    """
    extra, free, kicked = pair.expectation.largest("observation_jitter"), pair.free, pair.kicked
    sound = free.sound & kicked.sound
    quantities = []
    for entry in np.flatnonzero(pair.expectation.named(parameter)).tolist():
        column = columns_of(pair, parameter, entry)
        felt = first_difference(kicked.truth[:, :, column] != free.truth[:, :, column])
        shown = first_difference(kicked.obs[:, :, column] != free.obs[:, :, column])
        delay = np.where(sound, shown - felt, np.nan)
        how = "the number of control steps before a reading shows the state"
        quantities.append(delay_quantity(pair, parameter, entry, how, delay, extra))
    return quantities


def _error(pair: WorldPair) -> Array:
    """Return what the readings after the first differ by from the truth, (num_steps, num_envs, obs_dim)."""
    error: Array = pair.free.obs[1:] - pair.free.truth[1:]
    return error


def probe_noise(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the sd of what readings differ by from the truth, over all worlds and steps, and if the first ones do."""
    pooled = _pooled(pair, parameter, _error(pair))
    return [
        *by_entry(pair, parameter, "the sd of the readings' error", *pooled),
        *_noise_at_start(pair, parameter),
    ]


def _noise_at_start(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the share of an episode's first readings that have noise: no number that is drawn is exactly 0."""
    truth, sd = pair.free.truth[0], pair.expectation.values(parameter)
    meant = (sd > _ROUNDING * np.abs(truth)) & pair.expectation.named(parameter) & pair.free.sound[:, None]
    if not meant.any():
        return []
    share = float((pair.free.obs[0] != truth)[meant].mean())
    how = "the share of an episode's first readings that differ from the state"
    hint = "noise is applied in step, but not at reset"
    return [Quantity(f"{parameter} at reset", 0.0, 1.0, share, 0.5 / meant.sum(), how, hint)]


def probe_drift_noise(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the sd of the change of what readings differ by from the truth, likewise."""
    steps = np.diff(_error(pair), axis=0)
    return by_entry(pair, parameter, "the sd of the error's change in a step", *_pooled(pair, parameter, steps))


def _pooled(pair: WorldPair, parameter: str, noise: Array) -> tuple[Array, Array, Array]:
    sound = pair.free.sound
    intended = np.broadcast_to(pair.expectation.values(parameter), noise.shape[1:])
    return pooled_sd(noise[:, sound], intended[sound])


def probe_bias(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the mean of what readings differ by from the truth, and the difference of the first ones."""
    first = by_world(pair, parameter, "the error of the first readings", pair.free.obs[0] - pair.free.truth[0])
    mean = by_world(pair, parameter, "the mean error of the readings", _error(pair).mean(axis=0))
    return [*mean, *_at_start(first)]


def _at_start(quantities: list[Quantity]) -> list[Quantity]:
    """Return quantities of the first readings of an episode under names of their own."""
    return [replace(quantity, name=f"{quantity.name} at reset") for quantity in quantities]


def probe_drift(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the growth of what readings differ by from the truth, per control step."""
    error = _error(pair)
    return by_world(pair, parameter, "the growth of the error in a step", (error[-1] - error[0]) / (len(error) - 1))


def probe_scale(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the slope of readings over truth through the origin, by least squares; NaN where the truth is 0."""
    truth, obs = pair.free.truth[1:], pair.free.obs[1:]
    power = np.square(truth).sum(axis=0)
    slope = (truth * obs).sum(axis=0) / np.where(power > 0, power, np.nan)
    start = pair.free.truth[0]
    ratio = np.where(start != 0, pair.free.obs[0] / np.where(start != 0, start, 1.0), np.nan)
    first = by_world(pair, parameter, "the first readings over the truth", ratio)
    return [*by_world(pair, parameter, "the slope of readings over truth", slope), *_at_start(first)]


def probe_saturation(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the largest reading, where the truth is larger than it may be."""
    limit = pair.expectation.values(parameter)
    reached = np.abs(pair.free.truth).max(axis=0) > limit
    largest = np.where(reached, np.abs(pair.free.obs).max(axis=0), np.nan)
    return by_world(pair, parameter, "the largest reading", largest)


def probe_quantisation(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the grid that readings lie on."""
    step = pair.expectation.values(parameter)
    found = grid_step(pair.free.obs, pair.free.truth, step)
    return by_world(pair, parameter, "the step between readings", found, 1e-6 * step + 1e-12)


def probe_jitter(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return the largest age of the readings, entry by entry."""
    largest = pair.expectation.values(parameter)
    found = oldest_match(pair.free.obs, pair.free.truth, int(largest.max()) + 2)
    tolerance = 0.5 + 0.1 * largest  # the largest of 100 draws may not be the largest there is
    return by_world(pair, parameter, "the largest extra delay", found, tolerance)


def _dropped(pair: WorldPair) -> tuple[Mask, Mask]:
    """Return which readings are lost, and which could tell, (num_steps + 1, num_envs, obs_dim) each."""
    return pair.free.obs == 0, pair.free.truth != 0


def _stuck(pair: WorldPair) -> tuple[Mask, Mask]:
    """Return which readings repeat the last one, and which could tell, of the same shape."""
    hit: Mask = np.zeros(pair.free.obs.shape, np.bool_)
    tells = hit.copy()
    hit[1:] = pair.free.obs[1:] == pair.free.obs[:-1]
    tells[1:] = pair.free.truth[1:] != pair.free.truth[:-1]
    return hit, tells


_EVENTS = {"observation_dropout": _dropped, "observation_stuck": _stuck}


def probe_event(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return how often events begin, over all entries that are meant to have them."""
    quantity = event_rate(pair, parameter, *_EVENTS[parameter](pair))
    return [] if quantity is None else [quantity]


def probe_event_length(pair: WorldPair, parameter: str) -> list[Quantity]:
    """Return how long events last, entry by entry."""
    return event_lengths(pair, parameter, *_EVENTS[parameter.removesuffix("_steps")](pair))


SENSOR_PROBES = {
    "observation_delay": probe_delay,
    "observation_noise": probe_noise,
    "observation_drift_noise": probe_drift_noise,
    "observation_bias": probe_bias,
    "observation_drift": probe_drift,
    "observation_scale": probe_scale,
    "observation_saturation": probe_saturation,
    "observation_quantisation": probe_quantisation,
    "observation_jitter": probe_jitter,
    "observation_dropout": probe_event,
    "observation_dropout_steps": probe_event_length,
    "observation_stuck": probe_event,
    "observation_stuck_steps": probe_event_length,
}
