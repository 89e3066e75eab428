"""Measures: everything that two probes, one in source and one in target worlds, say of an agent and of the gap."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from agents import diagnostics

from ..stats import Interval, difference, interval, mean
from .probe import Array, Probe
from .subject import Subject
from .values import foretell

__all__ = ["Layer", "Measures", "Pair", "Returns", "measure"]

# What hardly ever moves would make any difference look enormous: a step counts as at least this share of an entry's sd.
_SLOWEST = 0.01
_UNKNOWN = Interval(float("nan"), float("nan"), float("nan"), 0)


class Pair(NamedTuple):
    """One quantity in source and in target worlds; what the source itself shows is the yardstick."""

    source: float
    target: float

    @property
    def rise(self) -> float:
        """Return target - source."""
        return self.target - self.source


class Layer(NamedTuple):
    """What a hidden layer makes of the states met.

    Attributes:
        width: units.
        cka: linear CKA between what was reached and what the nominal simulator predicted for it, in [0, 1].
        dormant: share of dormant units, in [0, 1].
        rank: effective rank, in [0, width].
    """

    width: int
    cka: Pair
    dormant: Pair
    rank: Pair


class Returns(NamedTuple):
    """Undiscounted returns of whole episodes; NaN ends where there are fewer than two.

    Attributes:
        source: mean in source worlds, with its 95 % interval over episodes.
        target: the same in target worlds.
        lost: source - target, likewise.
        share: the same as a share of the source's |mean|, or of its sd where that is greater.
    """

    source: Interval
    target: Interval
    lost: Interval
    share: float


@dataclass(frozen=True)
class Measures:
    """What was found.

    Attributes:
        inputs: observation entry -> mean |z| by the normaliser's statistics; 0.8 where nothing is unusual.
        readings: observation entry -> mean distance of a reading from the ideal one of the same state, in one-step
            changes (sd of what the entry changes by in a step of the nominal simulator).
        model: observation entry -> mean distance of what was reached from what the nominal simulator predicted from
            the same state and action, in one-step changes.
        layers: hidden layer -> what it makes of it.
        value_bias: mean of value - discounted return, in sds of the source's discounted returns. Values may hold more
            than rewards (`Subject.value_note`): what rises from source to target is the critic's error, not the level.
        value_rms: root mean square of the same.
        explained_variance: of discounted returns by values, at most 1.
        saturation: share of action entries at their bounds.
        returns: of whole episodes.
    """

    inputs: dict[str, Pair]
    readings: dict[str, Pair]
    model: dict[str, Pair]
    layers: dict[str, Layer]
    value_bias: Pair
    value_rms: Pair
    explained_variance: Pair
    saturation: Pair
    returns: Returns

    def to_mapping(self) -> dict[str, Any]:
        """Return everything as mappings of numbers, NaN included."""
        pairs = {name: value._asdict() for name, value in vars(self).items() if isinstance(value, Pair)}
        tables = {
            name: {entry: pair._asdict() for entry, pair in getattr(self, name).items()}
            for name in ("inputs", "readings", "model")
        }
        layers = {
            name: {key: value._asdict() if isinstance(value, Pair) else value for key, value in layer._asdict().items()}
            for name, layer in self.layers.items()
        }
        intervals = {
            name: asdict(value) if isinstance(value, Interval) else value
            for name, value in self.returns._asdict().items()
        }
        return {**tables, "layers": layers, **pairs, "returns": intervals}


def measure(
    subject: Subject, source: Probe, target: Probe, names: tuple[str, ...], rng: np.random.Generator
) -> Measures:
    """Compare two probes of one agent.

    Args:
        subject: the agent.
        source: its steps in source worlds.
        target: its steps in target worlds.
        names: of the observation's entries.
        rng: of the bootstrap.
    """
    change = _one_step_change(source)
    critics = foretell(subject, source), foretell(subject, target)
    unit = float(critics[0].returns.std()) or 1.0
    here, there = (subject.z_scores(probe.flat_obs()) for probe in (source, target))

    def distances(name: str, other: str) -> dict[str, Pair]:
        return _by_entry(names, *(_distance(probe, name, other, change) for probe in (source, target)))

    return Measures(
        inputs=_by_entry(names, here, there),
        readings=distances("obs", "truth"),
        model=distances("reached", "predicted"),
        layers=_layers(subject, source, target),
        value_bias=Pair(*(critic.bias(unit) for critic in critics)),
        value_rms=Pair(*(critic.rms(unit) for critic in critics)),
        explained_variance=Pair(*(critic.explained_variance for critic in critics)),
        saturation=Pair(float(source.saturated.mean()), float(target.saturated.mean())),
        returns=_returns(source.returns, target.returns, rng),
    )


def _by_entry(names: tuple[str, ...], source: Array, target: Array) -> dict[str, Pair]:
    """Return entry -> its numbers, of two rows (obs_dim,)."""
    return {name: Pair(float(s), float(t)) for name, s, t in zip(names, source, target, strict=True)}


def _one_step_change(probe: Probe) -> Array:
    """Return the sd (obs_dim,) of what entries change by in a step of the nominal simulator; 1 where nothing moves."""
    sound = probe.sound
    moved, sd = (probe.predicted - probe.truth)[sound].std(axis=0), probe.truth[sound].std(axis=0)
    change = np.maximum(moved, _SLOWEST * sd)
    return np.where(change > 1e-12, change, 1.0)


def _distance(probe: Probe, name: str, other: str, unit: Array) -> Array:
    """Return the mean |difference| of two of a probe's readings, (obs_dim,), in `unit`, over sound steps."""
    rows: Array = np.abs(getattr(probe, name) - getattr(probe, other))[probe.sound]
    return rows.mean(axis=0) / unit if len(rows) else np.full(len(unit), np.nan)


def _layers(subject: Subject, source: Probe, target: Probe) -> dict[str, Layer]:
    """Return what every hidden layer makes of both probes.

    Source and target observations are no pairs, and CKA compares pairs. The pairs here are one moment seen twice: what
    was reached, and what the nominal simulator gives from the same state and action. Dormant units and ranks need no
    pairs and are taken from the states met.
    """
    met = [subject.layers(probe.seen.reshape(-1, probe.seen.shape[-1])) for probe in (source, target)]
    reached = [subject.layers(probe.seen_reached[probe.sound]) for probe in (source, target)]
    predicted = [subject.layers(probe.seen_predicted[probe.sound]) for probe in (source, target)]

    def layer(name: str) -> Layer:
        """Return what the two probes show of one layer."""
        pairs = zip(reached, predicted, strict=True)
        return Layer(
            met[0][name].shape[-1],
            Pair(*(_similarity(here[name], there[name]) for here, there in pairs)),
            Pair(*(diagnostics.compute_dormant(features[name]) for features in met)),
            Pair(*(float(diagnostics.compute_rank(features[name])) for features in met)),
        )

    return {name: layer(name) for name in met[0]}


def _similarity(reached: torch.Tensor, predicted: torch.Tensor) -> float:
    """Return the CKA, or NaN where no pair of sound steps is left."""
    return diagnostics.compute_cka(reached, predicted) if len(reached) else float("nan")


def _returns(source: Array, target: Array, rng: np.random.Generator) -> Returns:
    """Return what episodes gave on both sides; NaN where no episode has ended."""
    here, there = _interval(source, rng), _interval(target, rng)
    if not len(source) or not len(target):
        return Returns(here, there, _UNKNOWN, _UNKNOWN.point)
    lost = difference([source], [target], rng)
    unit = max(abs(float(source.mean())), float(source.std()))
    return Returns(here, there, lost, lost.point / unit if unit else 0.0)


def _interval(returns: Array, rng: np.random.Generator) -> Interval:
    return interval([returns], mean, rng) if len(returns) else _UNKNOWN
