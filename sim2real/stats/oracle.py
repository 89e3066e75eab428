"""The oracle: a fresh agent on the target with the source's whole budget. What could be had, not a way to get it.

It is measured over its own budget and stands beside the cells, not among them: its curve is longer, so neither its area
nor its place at a step compares with theirs. What the others take from it is one number, its asymptotic return.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .curves import Curves, align, compute_grid, is_short
from .estimation import metrics
from .estimation.intervals import Interval, interval, mean
from .estimation.metrics import FloatArray
from .frame import Costs, Frame, compute_costs, generator_for
from .records import RunRecord

__all__ = ["Oracle", "compute_oracle", "explain_absence"]


@dataclass(frozen=True)
class Oracle:
    """The oracle's jobs on one target.

    `steps` is what a finished run spent on the target, 0 without one. `asymptotic_return` is the mean over runs of
    the last fifth of those steps, with interval; None without a run.
    """

    num_runs: int
    num_failed: int
    num_missing: int
    num_short: int
    steps: int
    asymptotic_return: Interval | None
    curves: Curves
    costs: Costs

    def level_steps(self, level: float) -> FloatArray:
        """Return the steps that its own runs took to a return of `level`, (num_runs,), inf where one never did."""
        return metrics.time_to_threshold(self.curves.steps, self.curves.returns, level)


def compute_oracle(records: Sequence[RunRecord]) -> tuple[Oracle | None, list[RunRecord]]:
    """Summarise the oracle's `records` on one target, None if it has no job; also returns runs that ended too early."""
    if not records:
        return None, []
    finished = [record for record in records if record.finished]
    steps = max((int(record.steps[-1]) for record in finished), default=0)
    short = [record for record in finished if is_short(record, steps)]
    counting = [record for record in finished if not is_short(record, steps)]
    curves = align(counting, compute_grid(counting, steps))
    found = None
    if counting:
        values = metrics.asymptotic_return(curves.steps, curves.returns)
        rng = generator_for(records[0].env, records[0].target, records[0].method, "asymptotic_return")
        found = interval([values], mean, rng)
    oracle = Oracle(
        num_runs=len(counting),
        num_failed=sum(record.status == "failed" for record in records),
        num_missing=sum(record.status == "missing" for record in records),
        num_short=len(short),
        steps=steps,
        asymptotic_return=found,
        curves=curves,
        costs=compute_costs(records),
    )
    return oracle, short


def explain_absence(frame: Frame, oracle: Oracle | None) -> str:
    """Say why nothing can be measured against the oracle on a target; empty when it can."""
    if oracle is None:
        return "the grid has no oracle"
    if not oracle.num_runs:
        return "no finished run of the oracle"
    if not math.isfinite(frame.floor):
        return "no finished run of scratch, so no floor"
    if not math.isfinite(frame.oracle_level):
        return "the oracle does not end above the floor"
    return ""
