"""One method on one target: every quantity of its finished runs with an interval, and what the runs cost."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..records import RunRecord
from . import metrics
from .censoring import CensoredInterval, censored_interval
from .curves import REFERENCE, Curves
from .intervals import Interval, band, contrast, difference, interval, mean
from .mann_whitney import newcombe_interval
from .metrics import FloatArray
from .verdicts import Verdict, compute_verdict

__all__ = ["HEAD_START", "Arm", "Cell", "Costs", "Frame", "compute_cell", "generator_for"]

HEAD_START = 0.1
"""Share of the span by which a run must start above the floor for its dip to count. Relative to the span, so that it
means the same everywhere; not a multiple of scratch's spread at step 0, which three seeds hardly know."""


@dataclass(frozen=True)
class Frame:
    """What all methods on one target share: budget in target steps and the returns everything is measured
    against.

    `floor` is scratch's mean return at step 0, `source_return` the source policies' mean on the source
    domain, `threshold` lies between; NaN where the runs to know it are absent.
    """

    env: str
    target: str
    budget: int
    floor: float
    source_return: float
    threshold: float

    @property
    def span(self) -> float:
        """source_return - floor, NaN unless positive."""
        span = self.source_return - self.floor
        return span if span > 0.0 else math.nan

    @property
    def head_start(self) -> float:
        """Return above which a run starts with something to lose: floor + HEAD_START * span, NaN without a span."""
        return self.floor + HEAD_START * self.span


@dataclass(frozen=True)
class Arm:
    """The runs of one method that count, with their aligned curves: returns (num_runs, num_points)."""

    method: str
    records: tuple[RunRecord, ...]
    curves: Curves


@dataclass(frozen=True)
class Costs:
    """Environment steps, episodes and falls summed over all runs that reported any, failed ones too; wall
    time in s.
    """

    source_steps: int
    target_steps: int
    eval_steps: int
    episodes: int
    falls: int
    wall_seconds: float


@dataclass(frozen=True)
class Cell:
    """Summary of one method on one target; a quantity that has no meaning or no run is absent from
    `quantities`.

    `num_runs` of a quantity counts the runs that have it: of `dip_depth` those that started ahead. `mean`,
    `low`, `high` (num_points,) are the learning curve with its pointwise interval over `curves.steps`.
    """

    method: str
    num_runs: int
    num_failed: int
    num_missing: int
    num_short: int
    quantities: Mapping[str, Interval]
    per_run: Mapping[str, FloatArray]
    times: CensoredInterval | None
    verdict: Verdict | None
    curves: Curves
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    costs: Costs


def generator_for(*names: str) -> np.random.Generator:
    """Generator that depends on the names alone: another method in the table moves nobody's interval."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def _per_run(frame: Frame, arm: Arm, reference: Arm | None) -> dict[str, FloatArray]:
    """Every quantity that one run has by itself, (num_runs,) each, NaN where it has no meaning."""
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
    return runs


def _own(frame: Frame, method: str, runs: Mapping[str, FloatArray]) -> dict[str, Interval]:
    """Intervals of the quantities a method has without scratch."""
    found: dict[str, Interval] = {}
    for name in ("initial_return", "area_under_curve", "asymptotic_return", "retention", "dip_depth"):
        values = runs[name][np.isfinite(runs[name])]
        if name == "dip_depth" and values.size and not values.any():
            # resamples of runs without a dip have none either: that is no proof that there never is one
            found[name] = Interval(0.0, math.nan, math.nan, values.size)
        elif values.size:
            bounds = (0.0, math.inf) if name == "dip_depth" else (-math.inf, math.inf)
            rng = generator_for(frame.env, frame.target, method, name)
            found[name] = interval([values], mean, rng, bounds=bounds)
    return found


def _against(frame: Frame, method: str, runs: Mapping[str, FloatArray], reference: Arm) -> dict[str, Interval]:
    """Intervals of the quantities that compare with scratch; both arms are resampled."""
    area, initial = runs["area_under_curve"], runs["initial_return"]
    other = metrics.area_under_curve(reference.curves.steps, reference.curves.returns)

    def rng(name: str) -> np.random.Generator:
        return generator_for(frame.env, frame.target, method, name)

    found = {
        "jumpstart": difference([initial], [reference.curves.returns[:, 0]], rng("jumpstart")),
        "auc_difference": difference([area], [other], rng("auc_difference")),
        "probability_of_improvement": newcombe_interval(area, other),
    }
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


def _costs(records: Sequence[RunRecord]) -> Costs:
    return Costs(
        source_steps=sum(r.source_steps for r in records),
        target_steps=sum(r.target_steps for r in records),
        eval_steps=sum(r.eval_steps for r in records),
        episodes=sum(r.episodes for r in records),
        falls=sum(r.falls for r in records),
        wall_seconds=math.fsum(r.wall_seconds for r in records),
    )


def compute_cell(frame: Frame, arm: Arm, reference: Arm | None, records: Sequence[RunRecord], num_short: int) -> Cell:
    """Summarise one method; `records` are all its jobs on the target, `arm` those that count."""
    num_runs = len(arm.records)
    runs = _per_run(frame, arm, reference)
    quantities: dict[str, Interval] = {}
    times: CensoredInterval | None = None
    curve = np.full((3, arm.curves.steps.size), np.nan)
    if num_runs:
        quantities = _own(frame, arm.method, runs)
        if reference is not None and arm.method != REFERENCE:
            quantities |= _against(frame, arm.method, runs, reference)
        curve = np.stack(band(arm.curves.returns, generator_for(frame.env, frame.target, arm.method, "curve")))
        if "time_to_threshold" in runs:
            rng = generator_for(frame.env, frame.target, arm.method, "time_to_threshold")
            times = censored_interval(runs["time_to_threshold"], frame.budget, rng)
    verdict = None
    if arm.method != REFERENCE:
        num_reference = len(reference.records) if reference else 0
        verdict = compute_verdict(arm.method, num_runs, num_reference, quantities.get("auc_difference"))
    return Cell(
        method=arm.method,
        num_runs=num_runs,
        num_failed=sum(r.status == "failed" for r in records),
        num_missing=sum(r.status == "missing" for r in records),
        num_short=num_short,
        quantities=quantities,
        per_run=runs if num_runs else {},
        times=times,
        verdict=verdict,
        curves=arm.curves,
        mean=curve[0],
        low=curve[1],
        high=curve[2],
        costs=_costs(records),
    )
