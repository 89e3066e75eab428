"""SIGNALS: the few numbers that rules look at; each is 0 where the target is the source, and grows with the gap."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from .measures import Measures

__all__ = ["SIGNALS", "Reading", "Signal", "read_signals"]


class Reading(NamedTuple):
    """What a signal shows: its value, NaN if unknown, and where it was greatest, empty if it is of the whole."""

    value: float
    where: str = ""


class Signal(NamedTuple):
    """One row of SIGNALS: how to read it, and what it is."""

    read: Callable[[Measures], Reading]
    description: str


def _greatest(values: Iterable[tuple[str, float]]) -> Reading:
    """Return the greatest value that is known, and its name if it is above 0."""
    known = [(value, name) for name, value in values if not math.isnan(value)]
    value, name = max(known, default=(math.nan, ""))
    return Reading(value, name if value > 0 else "")


def _of_encoders(measures: Measures, lost: Callable[[str], float]) -> Reading:
    return _greatest((name, lost(name)) for name in measures.layers if "encoder" in name.split(".")[0])


def _alike(measures: Measures) -> Reading:
    return _of_encoders(measures, lambda name: -measures.layers[name].cka.rise)


def _capacity(measures: Measures) -> Reading:
    def lost(name: str) -> float:
        layer = measures.layers[name]
        return max(layer.dormant.rise, -layer.rank.rise / max(layer.rank.source, 1.0))

    return _of_encoders(measures, lost)


SIGNALS: dict[str, Signal] = {
    "return_lost": Signal(
        lambda m: Reading(m.returns.share), "share of the source's return that the policy loses on the target"
    ),
    "inputs_moved": Signal(
        lambda m: _greatest((name, pair.rise) for name, pair in m.inputs.items()),
        "rise of an observation entry's mean |z|, sd",
    ),
    "readings_off": Signal(
        lambda m: _greatest((name, pair.rise) for name, pair in m.readings.items()),
        "rise of an entry's error of reading, one-step changes",
    ),
    "physics_off": Signal(
        lambda m: _greatest((name, pair.rise) for name, pair in m.model.items()),
        "rise of an entry's one-step model error, one-step changes",
    ),
    "features_moved": Signal(_alike, "fall of an encoder layer's CKA with the nominal simulator"),
    "capacity_lost": Signal(_capacity, "rise of an encoder layer's dormant share, or fall of its rank, as a share"),
    "value_misled": Signal(
        lambda m: Reading(m.value_rms.rise),
        "rise of the rms of value - return, sd of the source's returns; an entropy bonus of soft values is in both",
    ),
    "saturated": Signal(lambda m: Reading(m.saturation.rise), "rise of the share of actions at their bounds"),
}


def read_signals(measures: Measures) -> dict[str, Reading]:
    """Return what every signal shows."""
    return {name: signal.read(measures) for name, signal in SIGNALS.items()}
