"""Measure: a number of every object of a parameter, taken from one running world and held against the intended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..pairs.verdict import Quantity, worst_of
from ..pairs.world_pair import WorldPair

__all__ = ["EXACT", "Measure", "measure_parameter"]

Array = NDArray[np.float64]
Measured = dict[str, float]  # object -> number, NaN where it could not be measured
EXACT = 1e-6  # relative: what central differences and constraint positions leave of double precision
_SMALLEST = 1e-9


@dataclass(frozen=True)
class Measure:
    """How a physical parameter is measured.

    Attributes:
        take: (model, data, rng) -> number of every object; it may do to data what it likes.
        how: what is measured, in words.
        relative: whether the parameter is a fraction of what the nominal world has.
        offset: whether it is a difference from that.
        hint: what usually is the matter when it is wrong.
        together: parameters whose intended fractions multiply with this one's in what is measured; of each group the
            first that has the object. The gain of a position servo goes with its kp, that of a velocity servo with kd.
    """

    take: Callable[[mujoco.MjModel, mujoco.MjData, np.random.Generator], Measured]
    how: str
    relative: bool = False
    offset: bool = False
    hint: str = ""
    together: tuple[tuple[str, ...], ...] = ()


def measure_parameter(pair: WorldPair, parameter: str, measure: Measure) -> list[Quantity]:
    """Return one quantity for every object that the domain selects."""
    intended = pair.expectation.by_object(parameter)
    for group in measure.together:
        company: dict[str, Array] = {}
        for other in group:
            company = {**pair.expectation.by_object(other), **company}
        intended = {name: values * company.get(name, 1.0) for name, values in intended.items()}
    nominal = _take(measure, pair.nominal_model, pair.seed)
    rows = [_take(measure, model, pair.seed) for model in pair.shifted_models]
    named = pair.expectation.named(parameter)
    return [
        _compare(f"{parameter}[{name}]", measure, intended[name][pair.read_ids], nominal, rows, name)
        for name in (name for name, chosen in zip(pair.expectation.objects(parameter), named, strict=True) if chosen)
    ]


def _take(measure: Measure, model: mujoco.MjModel, seed: int) -> Measured:
    return measure.take(model, mujoco.MjData(model), np.random.default_rng(seed))


def _compare(
    title: str, measure: Measure, intended: Array, nominal: Measured, rows: list[Measured], name: str
) -> Quantity:
    measured = np.array([row.get(name, np.nan) for row in rows])
    before = nominal.get(name, np.nan)
    if measure.relative:
        measured = measured / before if before else np.full(len(rows), np.nan)
        before = 1.0
    if measure.offset:
        measured, before = measured - before, 0.0
    tolerance = EXACT * np.abs(intended) + _SMALLEST
    return worst_of(
        title, measure.how, nominal=before, intended=intended, measured=measured, tolerance=tolerance, hint=measure.hint
    )
