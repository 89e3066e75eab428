"""One method on one target: every quantity of its finished runs with an interval, and what the runs cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .curves import REFERENCE, Curves
from .estimation import metrics
from .estimation.censoring import CensoredInterval, censored_interval
from .estimation.intervals import (
    Interval,
    Statistic,
    band,
    contrast,
    difference,
    interval,
    iqm,
    mean,
    probability_below,
)
from .estimation.mann_whitney import newcombe_interval
from .estimation.metrics import FloatArray
from .frame import Arm, Costs, Frame, compute_costs, generator_for
from .quantities import QUANTITIES
from .records import RunRecord
from .verdicts import Verdict, compute_verdict

__all__ = ["Cell", "compute_cell"]

_STATISTICS: Mapping[str, Statistic] = {"mean": mean, "IQM": iqm}
_OWN = (
    "initial_return",
    "area_under_curve",
    "asymptotic_return",
    "retention",
    "dip_depth",
    "share_of_oracle",
)
"""Quantities with an interval that a method has without scratch; times have a kind of interval of their own."""


def statistic_of(quantity: str) -> Statistic:
    """Return how a quantity of single runs is made one number: by QUANTITIES."""
    return _STATISTICS[QUANTITIES[quantity].statistic]


@dataclass(frozen=True)
class Cell:
    """Summary of one method on one target; a quantity that has no meaning or no run is absent from
    `quantities`.

    `num_runs` of a quantity counts the runs that have it: of `dip_depth` those that started ahead. `times` are those
    to the threshold, `oracle_times` those to the oracle's level. `mean`, `low`, `high` (num_points,) are the learning
    curve with its pointwise interval over `curves.steps`.
    """

    method: str
    num_runs: int
    num_failed: int
    num_missing: int
    num_short: int
    num_long: int
    quantities: Mapping[str, Interval]
    per_run: Mapping[str, FloatArray]
    times: CensoredInterval | None
    oracle_times: CensoredInterval | None
    verdict: Verdict | None
    curves: Curves
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    costs: Costs


def _own(frame: Frame, method: str, runs: Mapping[str, FloatArray]) -> dict[str, Interval]:
    """Intervals of the quantities a method has without scratch."""
    found: dict[str, Interval] = {}
    for name in (name for name in _OWN if name in runs):
        values = runs[name][np.isfinite(runs[name])]
        if name == "dip_depth" and values.size and not values.any():
            # resamples of runs without a dip have none either: that is no proof that there never is one
            found[name] = Interval(0.0, math.nan, math.nan, values.size)
        elif values.size:
            bounds = (0.0, math.inf) if name == "dip_depth" else (-math.inf, math.inf)
            rng = generator_for(frame.env, frame.target, method, name)
            found[name] = interval([values], statistic_of(name), rng, bounds=bounds)
    return found


def _against(frame: Frame, method: str, runs: Mapping[str, FloatArray], reference: Arm) -> dict[str, Interval]:
    """Intervals of the quantities that compare with scratch; both arms are resampled."""
    area, initial = runs["area_under_curve"], runs["initial_return"]
    other = metrics.area_under_curve(reference.curves.steps, reference.curves.returns)

    def rng(name: str) -> np.random.Generator:
        return generator_for(frame.env, frame.target, method, name)

    found = {
        "jumpstart": difference(
            [initial], [reference.curves.returns[:, 0]], rng("jumpstart"), statistic=statistic_of("jumpstart")
        ),
        "auc_difference": difference([area], [other], rng("auc_difference")),
        "probability_of_improvement": newcombe_interval(area, other),
    }
    chance = probability_below([area], [other])
    if math.isfinite(chance):
        found["scratch_better"] = Interval(chance, math.nan, math.nan, min(area.size, other.size))
    gain = found["auc_difference"]
    if math.isfinite(frame.span):
        found["effect"] = Interval(
            gain.point / frame.span, gain.low / frame.span, gain.high / frame.span, gain.num_runs
        )
    if math.isfinite(float(metrics.transfer_ratio(mean(area), mean(other), frame.floor))):
        # the floor is asked once, of the point: a resample that falls below it still has a ratio
        found["transfer_ratio"] = contrast(
            [area],
            [other],
            lambda a, b: metrics.transfer_ratio(mean(a), mean(b), -math.inf),
            rng("transfer_ratio"),
        )
    return found


def _times(frame: Frame, method: str, runs: Mapping[str, FloatArray], name: str) -> CensoredInterval | None:
    """Steps to a level as far as the budget goes; None where the level is not known."""
    if name not in runs or not runs[name].size:
        return None
    return censored_interval(runs[name], frame.budget, generator_for(frame.env, frame.target, method, name))


def compute_cell(
    frame: Frame, arm: Arm, reference: Arm | None, records: Sequence[RunRecord], left_out: Sequence[str] = ()
) -> Cell:
    """Summarise one method; `records` are all its jobs on the target, `arm` those that count.

    `left_out` says of each finished one that does not whether it was too `short` or too `long` to compare.
    """
    num_runs = len(arm.records)
    runs = compute_per_run(frame, arm, reference) if num_runs else {}
    quantities: dict[str, Interval] = {}
    curve = np.full((3, arm.curves.steps.size), np.nan)
    if num_runs:
        quantities = _own(frame, arm.method, runs)
        if reference is not None and arm.method != REFERENCE:
            quantities |= _against(frame, arm.method, runs, reference)
        curve = np.stack(band(arm.curves.returns))
    verdict = None
    if arm.method != REFERENCE:
        num_reference = len(reference.records) if reference else 0
        chance = quantities["scratch_better"].point if "scratch_better" in quantities else math.nan
        verdict = compute_verdict(arm.method, num_runs, num_reference, quantities.get("auc_difference"), chance)
    return Cell(
        method=arm.method,
        num_runs=num_runs,
        num_failed=sum(r.status == "failed" for r in records),
        num_missing=sum(r.status == "missing" for r in records),
        num_short=left_out.count("short"),
        num_long=left_out.count("long"),
        quantities=quantities,
        per_run=runs,
        times=_times(frame, arm.method, runs, "time_to_threshold"),
        oracle_times=_times(frame, arm.method, runs, "steps_to_oracle"),
        verdict=verdict,
        curves=arm.curves,
        mean=curve[0],
        low=curve[1],
        high=curve[2],
        costs=compute_costs(records),
    )


def compute_per_run(frame: Frame, arm: Arm, reference: Arm | None) -> dict[str, FloatArray]:
    """Return quantity -> value of every run, (num_runs,) each, NaN where a run has none; times are inf if not reached.

    A quantity that no run of this target can have (no scratch, no span, no oracle) is absent.
    """
    steps, returns = arm.curves.steps, arm.curves.returns
    runs = {
        "initial_return": returns[:, 0],
        "area_under_curve": metrics.area_under_curve(steps, returns),
        "asymptotic_return": metrics.asymptotic_return(steps, returns),
        # scratch carries nothing over that it could lose
        "dip_depth": metrics.dip_depth(returns, math.inf if arm.method == REFERENCE else frame.head_start),
    }
    before, after = (
        np.array([getattr(r, name) if getattr(r, name) is not None else math.nan for r in arm.records])
        for name in ("source_return_before", "source_return_after")
    )
    runs["retention"] = metrics.retention(before, after)
    if reference is not None and arm.method != REFERENCE:
        runs["jumpstart"] = metrics.jumpstart(returns, reference.curves.returns)
    if math.isfinite(frame.threshold):
        runs["time_to_threshold"] = metrics.time_to_threshold(steps, returns, frame.threshold)
    if math.isfinite(frame.oracle_level):
        runs["steps_to_oracle"] = metrics.time_to_threshold(steps, returns, frame.oracle_level)
        share = metrics.share_of_span(runs["asymptotic_return"], frame.floor, frame.oracle_return)
        runs["share_of_oracle"] = share
    return runs
