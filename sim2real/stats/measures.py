"""What QUANTITIES are computed by: values of runs, comparisons with scratch, shares that compare between targets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from .curves import REFERENCE
from .estimation import metrics
from .estimation.intervals import Interval, Statistic, contrast, difference, mean, probability_below
from .estimation.mann_whitney import newcombe_interval
from .estimation.metrics import FloatArray
from .frame import Arm, Frame

__all__ = [
    "Compare",
    "Comparison",
    "PerRun",
    "Runs",
    "Share",
    "area_under_curve",
    "as_it_is",
    "asymptotic_return",
    "auc_difference",
    "difference_of_span",
    "dip_depth",
    "effect",
    "initial_return",
    "jumpstart",
    "jumpstart_difference",
    "of_span",
    "probability_of_improvement",
    "retention",
    "scratch_better",
    "share_of_oracle",
    "steps_of_budget",
    "steps_to_oracle",
    "time_to_threshold",
    "transfer_ratio",
]


@dataclass(frozen=True)
class Runs:
    """The runs of one method on a target that count, at least one, and those of scratch; None without one."""

    frame: Frame
    arm: Arm
    reference: Arm | None


@dataclass(frozen=True)
class Comparison:
    """A method and scratch on a target: their runs, the intervals `found` so far, and what the next is made by."""

    frame: Frame
    arm: Arm
    reference: Arm
    found: Mapping[str, Interval]
    statistic: Statistic
    rng: np.random.Generator

    @property
    def areas(self) -> tuple[FloatArray, FloatArray]:
        """Mean returns over the budget of the method's and of scratch's runs, (num_runs,) each."""
        return _area(self.arm), _area(self.reference)


PerRun: TypeAlias = Callable[[Runs], FloatArray | None]
Compare: TypeAlias = Callable[[Comparison], Interval | None]
Share: TypeAlias = Callable[[Frame, FloatArray], FloatArray | float]


def _area(arm: Arm) -> FloatArray:
    return metrics.area_under_curve(arm.curves.steps, arm.curves.returns)


def initial_return(runs: Runs) -> FloatArray:
    """Return before training, (num_runs,)."""
    return runs.arm.curves.returns[:, 0]


def area_under_curve(runs: Runs) -> FloatArray:
    """Mean return over the budget, (num_runs,)."""
    return _area(runs.arm)


def asymptotic_return(runs: Runs) -> FloatArray:
    """Mean return over the last fifth of the budget, (num_runs,)."""
    return metrics.asymptotic_return(runs.arm.curves.steps, runs.arm.curves.returns)


def dip_depth(runs: Runs) -> FloatArray:
    """Share of the initial return that training first lost, (num_runs,); scratch carries nothing over to lose."""
    head_start = math.inf if runs.arm.method == REFERENCE else runs.frame.head_start
    return metrics.dip_depth(runs.arm.curves.returns, head_start)


def retention(runs: Runs) -> FloatArray:
    """Share of the source return that is left, (num_runs,)."""
    before, after = (
        np.array([getattr(r, name) if getattr(r, name) is not None else math.nan for r in runs.arm.records])
        for name in ("source_return_before", "source_return_after")
    )
    return metrics.retention(before, after)


def jumpstart(runs: Runs) -> FloatArray | None:
    """Initial return minus scratch's mean, (num_runs,)."""
    if runs.reference is None or runs.arm.method == REFERENCE:
        return None
    return metrics.jumpstart(runs.arm.curves.returns, runs.reference.curves.returns)


def time_to_threshold(runs: Runs) -> FloatArray | None:
    """Steps to the threshold, (num_runs,), inf where it is not reached."""
    return _steps_to(runs, runs.frame.threshold)


def steps_to_oracle(runs: Runs) -> FloatArray | None:
    """Steps to the oracle's level, (num_runs,), inf where it is not reached."""
    return _steps_to(runs, runs.frame.oracle_level)


def _steps_to(runs: Runs, level: float) -> FloatArray | None:
    if not math.isfinite(level):
        return None
    return metrics.time_to_threshold(runs.arm.curves.steps, runs.arm.curves.returns, level)


def share_of_oracle(runs: Runs) -> FloatArray | None:
    """Asymptotic return as share of the way from the floor to the oracle's, (num_runs,)."""
    if not math.isfinite(runs.frame.oracle_level):
        return None
    return metrics.share_of_span(asymptotic_return(runs), runs.frame.floor, runs.frame.oracle_return)


def jumpstart_difference(pair: Comparison) -> Interval:
    """Interval of the difference of initial returns; both arms are resampled."""
    initial, other = pair.arm.curves.returns[:, 0], pair.reference.curves.returns[:, 0]
    return difference([initial], [other], pair.rng, statistic=pair.statistic)


def auc_difference(pair: Comparison) -> Interval:
    """Interval of the difference of mean returns over the budget."""
    area, other = pair.areas
    return difference([area], [other], pair.rng, statistic=pair.statistic)


def probability_of_improvement(pair: Comparison) -> Interval:
    """Chance that a run has more area than one of scratch, with Newcombe's interval."""
    return newcombe_interval(*pair.areas)


def scratch_better(pair: Comparison) -> Interval | None:
    """P(scratch better), without an interval; None where it is not known."""
    area, other = pair.areas
    chance = probability_below([area], [other])
    return Interval(chance, math.nan, math.nan, min(area.size, other.size)) if math.isfinite(chance) else None


def effect(pair: Comparison) -> Interval | None:
    """The difference of areas as share of the span; None without a span."""
    gain, span = pair.found["auc_difference"], pair.frame.span
    return Interval(gain.point / span, gain.low / span, gain.high / span, gain.num_runs) if span > 0.0 else None


def transfer_ratio(pair: Comparison) -> Interval | None:
    """The difference of areas relative to scratch's; None where scratch did not rise above the floor."""
    area, other = pair.areas
    if not math.isfinite(float(metrics.transfer_ratio(mean(area), mean(other), pair.frame.floor))):
        return None
    # the floor is asked once, of the point: a resample that falls below it still has a ratio
    return contrast([area], [other], lambda a, b: metrics.transfer_ratio(mean(a), mean(b), -math.inf), pair.rng)


def of_span(frame: Frame, values: FloatArray) -> FloatArray:
    """Returns as shares of the way from the floor to the source return."""
    return metrics.share_of_span(values, frame.floor, frame.source_return)


def difference_of_span(frame: Frame, values: FloatArray) -> FloatArray | float:
    """Differences of returns as shares of the span; NaN where nothing is spent."""
    return values / frame.span if frame.budget else math.nan


def steps_of_budget(frame: Frame, values: FloatArray) -> FloatArray | float:
    """Steps as shares of the budget, those beyond it as all of it; NaN where nothing is spent."""
    return np.minimum(values, frame.budget) / frame.budget if frame.budget else math.nan


def as_it_is(frame: Frame, values: FloatArray) -> FloatArray | float:
    """What is a share already; NaN where nothing is spent."""
    return values if frame.budget else math.nan
