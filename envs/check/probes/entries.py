"""Entries: quantities of a channel's parameter, one for every entry that the domain selects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..pairs.verdict import Quantity, worst_of
from ..pairs.world_pair import WorldPair

__all__ = ["by_entry", "by_world", "columns_of", "delay_quantity", "title_of"]

Array = NDArray[np.float64]
_ROUNDING = 1e-6  # actions are float32
_LOST = "what arrives is not what the channel should make of what went in"


def title_of(pair: WorldPair, parameter: str, entry: int) -> str:
    """Return the name of a quantity: the parameter and its object."""
    return f"{parameter}[{pair.expectation.objects(parameter)[entry]}]"


def by_entry(
    pair: WorldPair, parameter: str, how: str, intended: Array, measured: Array, tolerance: Array
) -> list[Quantity]:
    """Return a quantity for every selected entry from numbers (n,)."""
    nominal = pair.expectation.nominal_value(parameter)
    rows = zip(intended.tolist(), measured.tolist(), tolerance.tolist(), pair.expectation.named(parameter), strict=True)
    return [
        Quantity(title_of(pair, parameter, index), nominal, aim, found, error, how)
        for index, (aim, found, error, chosen) in enumerate(rows)
        if chosen
    ]


def by_world(
    pair: WorldPair, parameter: str, how: str, measured: Array, tolerance: Array | None = None
) -> list[Quantity]:
    """Return a quantity for every selected entry from numbers (num_envs, n)."""
    intended, sound = pair.expectation.values(parameter), pair.sound
    allowed = _ROUNDING * np.maximum(1.0, np.abs(intended)) if tolerance is None else tolerance
    return [
        worst_of(
            title_of(pair, parameter, i),
            how,
            nominal=pair.expectation.nominal_value(parameter),
            intended=intended[:, i],
            measured=np.where(sound, measured[:, i], np.nan),
            tolerance=allowed[:, i],
            hint=_LOST,
        )
        for i in np.flatnonzero(pair.expectation.named(parameter)).tolist()
    ]


def columns_of(pair: WorldPair, parameter: str, entry: int) -> slice:
    """Return the entries that an object stands for: all of them if the object is the world."""
    return slice(None) if pair.expectation.objects(parameter) == ("*",) else slice(entry, entry + 1)


def delay_quantity(pair: WorldPair, parameter: str, entry: int, how: str, delay: Array, extra: int) -> Quantity:
    """Return the quantity of a measured `delay` (num_envs,), NaN where nothing arrived.

    An extra delay of up to `extra` steps, drawn anew at every step, can make it longer but not wrong.
    """
    intended = pair.expectation.values(parameter)[:, entry]
    early, late = np.minimum(delay - intended, 0.0), np.maximum(delay - intended - extra, 0.0)
    hint = "a delay is counted off by one, or does not act"
    return worst_of(
        title_of(pair, parameter, entry),
        how,
        nominal=0.0,
        intended=intended,
        measured=intended + early + late,
        tolerance=0.5,
        hint=hint,
    )
