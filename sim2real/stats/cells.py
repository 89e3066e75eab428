"""One method on one target: every quantity of its finished runs with an interval, and what the runs cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .curves import REFERENCE, Curves
from .estimation.censoring import CensoredInterval, censored_interval
from .estimation.intervals import Interval, Statistic, band, interval, iqm, mean
from .estimation.metrics import FloatArray
from .frame import Arm, Costs, Frame, compute_costs, generator_for
from .measures import Comparison, Runs
from .quantities import QUANTITIES, Quantity, reported_in
from .records import RunRecord
from .verdicts import Verdict, compute_verdict

__all__ = ["Cell", "compute_cell"]

_STATISTICS: Mapping[str, Statistic] = {"mean": mean, "IQM": iqm, "formula": mean}


@dataclass(frozen=True)
class Cell:
    """Summary of one method on one target; a quantity that has no meaning or no run is absent from
    `quantities`.

    `num_runs` of a quantity counts the runs that have it: of `dip_depth` those that started ahead. `steps_to` are the
    quantities that are steps to a level, by name, where the level is known. `mean`, `low`, `high` (num_points,) are the
    learning curve with its pointwise interval over `curves.steps`.
    """

    method: str
    num_runs: int
    num_failed: int
    num_missing: int
    num_short: int
    num_long: int
    quantities: Mapping[str, Interval]
    per_run: Mapping[str, FloatArray]
    steps_to: Mapping[str, CensoredInterval]
    verdict: Verdict | None
    curves: Curves
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    costs: Costs

    @property
    def times(self) -> CensoredInterval | None:
        """Steps to the threshold; None where that is not known."""
        return self.steps_to.get("time_to_threshold")

    @property
    def oracle_times(self) -> CensoredInterval | None:
        """Steps to the oracle's level; None where that is not known."""
        return self.steps_to.get("steps_to_oracle")


def _intervals(frame: Frame, arm: Arm, reference: Arm | None, runs: Mapping[str, FloatArray]) -> dict[str, Interval]:
    """Return quantity -> its interval; of those that compare with scratch both arms are resampled."""
    found: dict[str, Interval] = {}
    for name in reported_in("intervals"):
        row = QUANTITIES[name]
        rng, statistic = generator_for(frame.env, frame.target, arm.method, name), _STATISTICS[row.statistic]
        value = None
        if row.against is None:
            value = _interval(row, runs[name], rng) if name in runs else None
        elif reference is not None and arm.method != REFERENCE:
            value = row.against(Comparison(frame, arm, reference, found, statistic, rng))
        if value is not None:
            found[name] = value
    return found


def _interval(row: Quantity, runs: FloatArray, rng: np.random.Generator) -> Interval | None:
    """Interval of those of `runs` that have a quantity; None without one."""
    values = runs[np.isfinite(runs)]
    if row.of_some and values.size and not values.any():
        # resamples of runs without a dip have none either: that is no proof that there never is one
        return Interval(0.0, math.nan, math.nan, values.size)
    return interval([values], _STATISTICS[row.statistic], rng, bounds=row.bounds) if values.size else None


def _steps_to(frame: Frame, method: str, runs: Mapping[str, FloatArray]) -> dict[str, CensoredInterval]:
    """Return quantity -> steps to a level as far as the budget goes, where the level is known."""
    return {
        name: censored_interval(runs[name], frame.budget, generator_for(frame.env, frame.target, method, name))
        for name, row in QUANTITIES.items()
        if row.kind == "steps" and name in runs and runs[name].size
    }


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
        quantities = _intervals(frame, arm, reference, runs)
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
        steps_to=_steps_to(frame, arm.method, runs),
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
    runs = Runs(frame, arm, reference)
    values = {name: row.per_run(runs) for name, row in QUANTITIES.items() if row.per_run is not None}
    return {name: found for name, found in values.items() if found is not None}
