"""SIGNALS: the few numbers that rules look at; each is 0 where the target is the source, and grows with the gap."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from .blocks import Pair
from .measures import Layer, Measures

__all__ = ["SIGNALS", "Reading", "Signal", "read_signals"]


class Reading(NamedTuple):
    """What a signal shows: its value, NaN if unknown, and where it was greatest, empty if it is of the whole.

    `low` and `high` are its 95 % interval, NaN if unknown, None if the value is exact.
    """

    value: float
    where: str = ""
    low: float | None = None
    high: float | None = None

    def reaches(self, least: float) -> bool:
        """Return whether the signal is at least so great: not its value alone, but its whole interval."""
        return self.value >= least and (self.low is None or self.low >= least)


class Signal(NamedTuple):
    """One row of SIGNALS: how to read it, and what it is."""

    read: Callable[[Measures], Reading]
    description: str


def _rise(pair: Pair, where: str = "") -> Reading:
    return Reading(pair.rise, where, pair.low, pair.high)


def _fall(pair: Pair, where: str, unit: float = 1.0) -> Reading:
    return Reading(-pair.rise / unit, where, -pair.high / unit, -pair.low / unit)


def _greatest(readings: Iterable[Reading]) -> Reading:
    """Return the greatest value that is known, and its name if it is above 0."""
    known = [reading for reading in readings if not math.isnan(reading.value)]
    found = max(known, default=Reading(math.nan, "", math.nan, math.nan), key=lambda r: (r.value, r.where))
    return found if found.value > 0 else found._replace(where="")


def _of_table(pairs: Mapping[str, Pair]) -> Reading:
    return _greatest(_rise(pair, name) for name, pair in pairs.items())


def _of_encoders(measures: Measures, lost: Callable[[str, Layer], Reading]) -> Reading:
    layers = measures.layers.items()
    return _greatest(lost(name, layer) for name, layer in layers if "encoder" in name.split(".")[0])


def _alike(measures: Measures) -> Reading:
    return _of_encoders(measures, lambda name, layer: _fall(layer.cka, name))


def _capacity(measures: Measures) -> Reading:
    def lost(name: str, layer: Layer) -> Reading:
        return _greatest((_rise(layer.dormant, name), _fall(layer.rank, name, max(layer.rank.source, 1.0))))

    return _of_encoders(measures, lost)


def _return_lost(measures: Measures) -> Reading:
    share = measures.returns.share
    return Reading(share.point, "", share.low, share.high)


SIGNALS: dict[str, Signal] = {
    "return_lost": Signal(_return_lost, "share of the source's return that the policy loses on the target"),
    "inputs_moved": Signal(
        lambda m: _of_table(m.inputs),
        "rise of an observation entry's mean |z|, sd",
    ),
    "readings_off": Signal(
        lambda m: _of_table(m.readings),
        "rise of an entry's error of reading, one-step changes",
    ),
    "physics_off": Signal(
        lambda m: _of_table(m.model),
        "rise of an entry's one-step model error, one-step changes",
    ),
    "features_moved": Signal(_alike, "fall of an encoder layer's CKA with the nominal simulator"),
    "capacity_lost": Signal(_capacity, "rise of an encoder layer's dormant share, or fall of its rank, as a share"),
    "value_misled": Signal(
        lambda m: _rise(m.value_rms),
        "rise of the rms of value - return, sd of the source's returns; an entropy bonus of soft values is in both",
    ),
    "saturated": Signal(lambda m: _rise(m.saturation), "rise of the share of actions at their bounds"),
}


def read_signals(measures: Measures) -> dict[str, Reading]:
    """Return what every signal shows."""
    return {name: signal.read(measures) for name, signal in SIGNALS.items()}
