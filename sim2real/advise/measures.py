"""Measures: everything that two probes, one in source and one in target worlds, say of an agent and of the gap."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from agents.policy import diagnostics

from ..stats import Interval, difference, interval, mean
from .blocks import Pair, compare, number_blocks
from .probe import Array, Probe
from .probed import ProbedAgent
from .values import compare_values

__all__ = ["Layer", "Measures", "Pair", "Returns", "measure"]

# What hardly ever moves would make any difference look enormous: a step counts as at least this share of an entry's sd.
_SLOWEST = 0.01
_UNKNOWN = Interval(float("nan"), float("nan"), float("nan"), 0)


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
        share: the same as a share of the source's |mean|, or of its sd where that is greater, with its interval; that
            divisor is taken as known.
    """

    source: Interval
    target: Interval
    lost: Interval
    share: Interval


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
            than rewards (`ProbedAgent.value_note`): what rises from source to target is the critic's error, not
            the level.
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
    probed: ProbedAgent, source: Probe, target: Probe, names: tuple[str, ...], rng: np.random.Generator
) -> Measures:
    """Compare two probes of one agent.

    Args:
        probed: the agent.
        source: its steps in source worlds.
        target: its steps in target worlds.
        names: of the observation's entries.
        rng: of the bootstrap.
    """
    change = _one_step_change(source)
    critics = compare_values(probed, source), compare_values(probed, target)
    unit = float(critics[0].returns.std()) or 1.0
    sides = [(probe, number_blocks(*probe.rewards.shape)) for probe in (source, target)]

    def named(pairs: list[Pair]) -> dict[str, Pair]:
        return dict(zip(names, pairs, strict=True))

    def distances(name: str, other: str) -> dict[str, Pair]:
        rows = [_distances(probe, name, other, change) for probe in (source, target)]
        here, there = ((own, ids[probe.sound]) for own, (probe, ids) in zip(rows, sides, strict=True))
        return named(compare(_mean, here, there))

    def flat(values: list[Array]) -> tuple[tuple[Array, Any], tuple[Array, Any]]:
        """Return rows and blocks of two arrays (T, B, ...)."""
        here, there = (
            (own.reshape(-1, *own.shape[2:]), ids.ravel()) for own, (_, ids) in zip(values, sides, strict=True)
        )
        return here, there

    misses = [((critic.values - critic.returns) / unit)[..., None] for critic in critics]
    saturated = [probe.saturated.mean(axis=-1, keepdims=True) for probe in (source, target)]
    return Measures(
        inputs=named(compare(probed.z_scores, *flat([source.obs, target.obs]))),
        readings=distances("obs", "truth"),
        model=distances("reached", "predicted"),
        layers=_layers(probed, source, target),
        value_bias=Pair(*(critic.bias(unit) for critic in critics)),
        value_rms=compare(lambda rows: np.sqrt(_mean(rows**2)), *flat(misses))[0],
        explained_variance=Pair(*(critic.explained_variance for critic in critics)),
        saturation=compare(_mean, *flat(saturated))[0],
        returns=_returns(source.returns, target.returns, rng),
    )


def _mean(rows: Array) -> Array:
    """Return the mean over rows (N, K), (K,); NaN without rows."""
    found: Array = rows.mean(axis=0) if len(rows) else np.full(rows.shape[1:], np.nan)
    return found


def _one_step_change(probe: Probe) -> Array:
    """Return the sd (obs_dim,) of what entries change by in a step of the nominal simulator; 1 where nothing moves."""
    sound = probe.sound
    moved, sd = (probe.predicted - probe.truth)[sound].std(axis=0), probe.truth[sound].std(axis=0)
    change = np.maximum(moved, _SLOWEST * sd)
    return np.where(change > 1e-12, change, 1.0)


def _distances(probe: Probe, name: str, other: str, unit: Array) -> Array:
    """Return |difference| of two of a probe's readings in its sound steps, (N, obs_dim), in `unit`."""
    rows: Array = np.abs(getattr(probe, name) - getattr(probe, other))[probe.sound] / unit
    return rows


def _layers(probed: ProbedAgent, source: Probe, target: Probe) -> dict[str, Layer]:
    """Return what every hidden layer makes of both probes.

    Source and target observations are no pairs, and CKA compares pairs. The pairs here are one moment seen twice: what
    was reached, and what the nominal simulator gives from the same state and action. Dormant units and ranks need no
    pairs and are taken from the states met.
    """
    met = [probed.layers(probe.seen.reshape(-1, probe.seen.shape[-1])) for probe in (source, target)]
    reached = [probed.layers(probe.seen_reached[probe.sound]) for probe in (source, target)]
    predicted = [probed.layers(probe.seen_predicted[probe.sound]) for probe in (source, target)]

    ids = [number_blocks(*probe.rewards.shape) for probe in (source, target)]
    sound = [own[probe.sound] for own, probe in zip(ids, (source, target), strict=True)]

    def similarity(both: torch.Tensor) -> Array:
        return np.array([_similarity(both[:, 0], both[:, 1])])

    def capacity(features: torch.Tensor) -> Array:
        return np.array([diagnostics.compute_dormant(features), float(diagnostics.compute_rank(features))])

    def layer(name: str) -> Layer:
        """Return what the two probes show of one layer."""
        pairs = [torch.stack([r[name], p[name]], 1) for r, p in zip(reached, predicted, strict=True)]
        (cka,) = compare(similarity, (pairs[0], sound[0]), (pairs[1], sound[1]), len(met[0]))
        states = [(features[name], own.ravel()) for features, own in zip(met, ids, strict=True)]
        return Layer(met[0][name].shape[-1], cka, *compare(capacity, states[0], states[1], len(met[0])))

    return {name: layer(name) for name in met[0]}


def _similarity(reached: torch.Tensor, predicted: torch.Tensor) -> float:
    """Return the CKA, or NaN where no pair of sound steps is left."""
    return diagnostics.compute_cka(reached, predicted) if len(reached) else float("nan")


def _returns(source: Array, target: Array, rng: np.random.Generator) -> Returns:
    """Return what episodes gave on both sides; NaN where no episode has ended."""
    here, there = _interval(source, rng), _interval(target, rng)
    if not len(source) or not len(target):
        return Returns(here, there, _UNKNOWN, _UNKNOWN)
    lost = difference([source], [target], rng)
    unit = max(abs(float(source.mean())), float(source.std()))
    point, low, high = (end / unit if unit else 0.0 for end in (lost.point, lost.low, lost.high))
    return Returns(here, there, lost, Interval(point, low, high, lost.num_runs))


def _interval(returns: Array, rng: np.random.Generator) -> Interval:
    return interval([returns], mean, rng) if len(returns) else _UNKNOWN
