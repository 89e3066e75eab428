"""Bring the learning curves of one target onto one budget and one grid of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .estimation.metrics import FloatArray
from .records import RunRecord

__all__ = [
    "ORACLE",
    "REFERENCE",
    "TOLERANCE",
    "Curves",
    "align",
    "compute_budget",
    "compute_grid",
    "is_long",
    "is_short",
]

REFERENCE = "scratch"
"""The method every other is compared with."""
ORACLE = "oracle"
"""A fresh agent on the target with the source's settings and budget: another budget, never an arm among the others."""
TOLERANCE = 0.01
"""Share of the budget a trained run may end before or after it and still be compared; before, its last return holds."""


@dataclass(frozen=True)
class Curves:
    """Curves of one method on one target: steps (num_points,), returns (num_runs, num_points), seeds
    (num_runs,).
    """

    steps: FloatArray
    returns: FloatArray
    seeds: tuple[int, ...]


def compute_budget(records: Sequence[RunRecord], default_method: str) -> int:
    """Target steps over which the methods on one target are compared.

    The reference's longest finished run decides, else the default method's, else anybody's but the oracle's, whose
    budget is another one by definition.
    """
    for wanted in (REFERENCE, default_method, None):
        ends = [int(r.steps[-1]) for r in records if r.finished and wanted in (None, r.method) and r.method != ORACLE]
        if ends and max(ends) > 0:
            return max(ends)
    return 0


def is_short(record: RunRecord, budget: int) -> bool:
    """Whether a finished run trained, but for less than the budget, so that comparing it would be unfair.

    A run with the evaluation at step 0 alone (zero-shot) spends nothing: its return holds for the whole
    budget.
    """
    return record.steps.size > 1 and record.steps[-1] < (1.0 - TOLERANCE) * budget


def is_long(record: RunRecord, budget: int) -> bool:
    """Whether a finished run went on after the budget.

    What it had by then came from a schedule made for more steps, so reading its curve up to the budget would not make
    the comparison fair.
    """
    return bool(record.steps[-1] > (1.0 + TOLERANCE) * budget)


def compute_grid(records: Sequence[RunRecord], budget: int) -> FloatArray:
    """All steps up to the budget at which some finished run was evaluated, and the budget itself,
    (num_points,).

    Interpolation onto the union leaves every trapezoid area within the budget as it was.
    """
    steps = [record.steps[record.steps <= budget] for record in records if record.finished]
    return np.unique(np.concatenate([*steps, np.array([0, budget])])).astype(np.float64)


def align(records: Sequence[RunRecord], grid: FloatArray) -> Curves:
    """Interpolate finished runs of one method linearly onto the grid; beyond its last evaluation a return
    holds.
    """
    runs = sorted((record for record in records if record.finished), key=lambda record: record.seed)
    returns = np.empty((len(runs), grid.size))
    for row, record in zip(returns, runs, strict=True):
        row[:] = np.interp(grid, record.steps, record.returns)
    return Curves(grid, returns, tuple(record.seed for record in runs))
