"""Entries: quantities of a channel's parameter, one for every entry that the domain selects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..pairs.trial import Trial
from ..pairs.verdict import Quantity, worst_of

__all__ = ["by_entry", "by_world", "columns_of", "delay_quantity", "title_of"]

Array = NDArray[np.float64]
_ROUNDING = 1e-6  # actions are float32
_LOST = "what arrives is not what the channel should make of what went in"


def title_of(trial: Trial, parameter: str, entry: int) -> str:
    """Return the name of a quantity: the parameter and its object."""
    return f"{parameter}[{trial.intention.objects(parameter)[entry]}]"


def by_entry(
    trial: Trial, parameter: str, how: str, intended: Array, measured: Array, tolerance: Array
) -> list[Quantity]:
    """Return a quantity for every selected entry from numbers (n,)."""
    nominal = trial.intention.nominal_value(parameter)
    rows = zip(intended.tolist(), measured.tolist(), tolerance.tolist(), trial.intention.named(parameter), strict=True)
    return [
        Quantity(title_of(trial, parameter, index), nominal, aim, found, error, how)
        for index, (aim, found, error, chosen) in enumerate(rows)
        if chosen
    ]


def by_world(trial: Trial, parameter: str, how: str, measured: Array, tolerance: Array | None = None) -> list[Quantity]:
    """Return a quantity for every selected entry from numbers (num_envs, n)."""
    intended, sound = trial.intention.values(parameter), trial.sound
    allowed = _ROUNDING * np.maximum(1.0, np.abs(intended)) if tolerance is None else tolerance
    return [
        worst_of(
            title_of(trial, parameter, i),
            how,
            nominal=trial.intention.nominal_value(parameter),
            intended=intended[:, i],
            measured=np.where(sound, measured[:, i], np.nan),
            tolerance=allowed[:, i],
            hint=_LOST,
        )
        for i in np.flatnonzero(trial.intention.named(parameter)).tolist()
    ]


def columns_of(trial: Trial, parameter: str, entry: int) -> slice:
    """Return the entries that an object stands for: all of them if the object is the world."""
    return slice(None) if trial.intention.objects(parameter) == ("*",) else slice(entry, entry + 1)


def delay_quantity(trial: Trial, parameter: str, entry: int, how: str, delay: Array, extra: int) -> Quantity:
    """Return the quantity of a measured `delay` (num_envs,), NaN where nothing arrived.

    An extra delay of up to `extra` steps, drawn anew at every step, can make it longer but not wrong.
    """
    intended = trial.intention.values(parameter)[:, entry]
    early, late = np.minimum(delay - intended, 0.0), np.maximum(delay - intended - extra, 0.0)
    hint = "a delay is counted off by one, or does not act"
    return worst_of(
        title_of(trial, parameter, entry),
        how,
        nominal=0.0,
        intended=intended,
        measured=intended + early + late,
        tolerance=0.5,
        hint=hint,
    )
