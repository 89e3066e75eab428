"""Signals: what is common to measuring noise and delays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONFIDENCE", "Mask", "first_difference", "grid_step", "oldest_match", "pooled_sd", "sd_tolerance"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
CONFIDENCE = 5.0  # standard errors: one false alarm in two million entries


def first_difference(differs: Mask) -> Array:
    """Return the first step (num_worlds,) at which anything differs, NaN if nothing ever does.

    Args:
        differs: (num_steps, num_worlds) or (num_steps, num_worlds, dim).
    """
    steps = differs.any(axis=2) if differs.ndim == 3 else differs
    return np.where(steps.any(axis=0), steps.argmax(axis=0), np.nan)


def sd_tolerance(sd: Array, num: int) -> Array:
    """Return CONFIDENCE standard errors of an estimated standard deviation, sd / sqrt(2 num) for normal noise."""
    tolerance: Array = CONFIDENCE * sd / np.sqrt(2 * max(num, 1)) + 1e-12
    return tolerance


def pooled_sd(noise: Array, intended: Array) -> tuple[Array, Array, Array]:
    """Return intended and measured sd and the tolerance, each (dim,), over all steps and worlds.

    Worlds differ in what is intended, so each is measured in units of that; the mean of each world is taken out.

    Args:
        noise: (num_steps, num_worlds, dim), NaN where there is no reading.
        intended: (num_worlds, dim) or (num_worlds, 1), worlds with 0 do not count.
    """
    intended = np.broadcast_to(intended, noise.shape[1:])
    scale = np.where(intended > 0, intended, np.nan)
    centred = (noise - np.nanmean(noise, axis=0)) / scale
    counts = np.isfinite(centred).sum(axis=(0, 1))
    steps = max(len(noise), 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.sqrt(np.nansum(centred**2, axis=(0, 1)) / counts * steps / (steps - 1))
    sd = np.where(counts > 0, np.nansum(scale, axis=0) / np.maximum((intended > 0).sum(axis=0), 1), 0.0)
    return sd, np.where(counts > 0, ratio * sd, np.nan), sd_tolerance(sd, int(counts.max(initial=1)))


def grid_step(readings: Array, truth: Array, step: Array) -> Array:
    """Return the step of the grid that readings lie on, (num_worlds, dim).

    It is `step` if all readings are multiples of it and none is further than half of it from what went in. It is
    larger, twice the largest distance, if one is; and the smallest gap between readings if they lie on no grid.

    Args:
        readings: (num_steps, num_worlds, dim)
        truth: what went in, of the same shape.
        step: (num_worlds, dim) what is intended, NaN is returned where it is 0.
    """
    positive = np.where(step > 0, step, np.nan)
    levels = readings / positive
    on_grid = (np.abs(levels - np.rint(levels)) < 1e-6 * np.maximum(1.0, np.abs(levels))).all(axis=0)
    reach = 2 * np.abs(readings - truth).max(axis=0)
    gaps = np.diff(np.sort(readings, axis=0), axis=0)
    smallest = np.where(gaps > 0, gaps, np.inf).min(axis=0)
    fine = np.where(np.isfinite(smallest), smallest, 0.0)
    found = np.where(on_grid, np.where(reach <= positive * (1 + 1e-9), step, reach), fine)
    return np.where(step > 0, found, np.nan)


def oldest_match(arrived: Array, sent: Array, longest: int) -> Array:
    """Return the largest age at which entries arrive, (num_worlds, dim): `longest` + 1 if one is like none sent.

    An entry of which too little is sent that differs, so that its age could not be told, is NaN.

    Args:
        arrived: (num_steps, num_worlds, dim)
        sent: likewise; before the first step the same row was there, or zeros: the first `longest` are not judged.
        longest: age up to which they are looked for.
    """
    age = np.full(arrived.shape, longest + 1.0)
    for lag in range(longest, -1, -1):
        age[lag:][arrived[lag:] == sent[: len(sent) - lag]] = lag
    moves = (np.diff(sent, axis=0) != 0).mean(axis=0) > 0.5
    return np.where(moves, age[longest:].max(axis=0), np.nan)
