"""One environment and target: what its methods share, a cell per method, the oracle beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from .cells import Cell, compute_cell
from .curves import ORACLE, REFERENCE, align, compute_budget, compute_grid, is_long, is_short
from .estimation.metrics import threshold
from .frame import Arm, Frame
from .oracle import Oracle, compute_oracle, explain_absence
from .records import BenchResults, RunRecord
from .verdicts import Headline, compute_headline

__all__ = ["Group", "Problem", "groups_by_env", "rank_methods", "sort_by", "summarise_group"]

_Item = TypeVar("_Item")
_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True)
class Problem:
    """A job that does not count, and why. `status` is failed, missing, short or long (ended before or after the
    budget that its target's methods share).
    """

    env: str
    target: str
    method: str
    seed: int
    status: str
    reason: str


@dataclass(frozen=True)
class Group:
    """One environment and target. `cells` are the methods of one budget; the oracle, if the grid has one, is apart."""

    frame: Frame
    cells: Mapping[str, Cell]
    oracle: Oracle | None
    headline: Headline

    @property
    def no_oracle(self) -> str:
        """Why nothing is measured against the oracle here; empty when it is."""
        return explain_absence(self.frame, self.oracle)


def sort_by(items: Iterable[_Item], key: Callable[[_Item], _Key]) -> dict[_Key, list[_Item]]:
    """Return key -> its items, keys and items in the order they came."""
    found: dict[_Key, list[_Item]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def groups_by_env(groups: Iterable[Group]) -> dict[str, list[Group]]:
    """Return environment -> its groups."""
    return sort_by(groups, lambda group: group.frame.env)


def rank_methods(groups: Sequence[Group], methods: Sequence[str]) -> tuple[str, ...]:
    """Order methods by effect: by mean return over the budget, as share of the span, averaged over `groups`.

    Methods without a finished run there come last, in the order they came; without a span the return itself decides.
    """
    scores = {}
    for method in methods:
        found = [_score(group, method) for group in groups if method in group.cells]
        known = [score for score in found if math.isfinite(score)]
        scores[method] = float(np.mean(known)) if known else -math.inf
    return tuple(sorted(methods, key=lambda method: -scores[method]))


def _score(group: Group, method: str) -> float:
    area = group.cells[method].quantities.get("area_under_curve")
    if area is None:
        return math.nan
    frame = group.frame
    return (area.point - frame.floor) / frame.span if math.isfinite(frame.span) else area.point


def summarise_group(
    records: Sequence[RunRecord], source_return: float, results: BenchResults, leading: str
) -> tuple[Group, list[Problem]]:
    """Summarise the jobs on one target; also returns those that do not count."""
    oracle, stopped = compute_oracle([r for r in records if r.method == ORACLE])
    equal = [r for r in records if r.method != ORACLE]
    budget = compute_budget(equal, results.default_method)
    lengths = {r.key: _length(r, budget) for r in equal if r.finished}
    counting = [r for r in equal if r.finished and not lengths[r.key]]
    grid = compute_grid(counting, budget)
    jobs_of, runs_of = (sort_by(some, lambda r: r.method) for some in (equal, counting))
    arms = {}
    for method in jobs_of:
        runs = tuple(sorted(runs_of.get(method, ()), key=lambda r: r.seed))
        arms[method] = Arm(method, runs, align(runs, grid))
    reference = arms.get(REFERENCE)
    reference = reference if reference is not None and reference.records else None
    frame = _frame(records[0], budget, reference, source_return, results.threshold_fraction, oracle)
    cells = {}
    for method, jobs in jobs_of.items():
        left_out = [lengths[r.key] for r in jobs if lengths.get(r.key)]
        cells[method] = compute_cell(frame, arms[method], reference, jobs, left_out)
    lengths |= {r.key: "short" for r in stopped}
    problems = [found for r in records if (found := _problem(r, lengths.get(r.key, ""))) is not None]
    return Group(frame, cells, oracle, _headline(cells, leading)), problems


def _length(record: RunRecord, budget: int) -> str:
    """Whether a finished run cannot be compared at this budget: `short`, `long` or empty."""
    return "short" if is_short(record, budget) else "long" if is_long(record, budget) else ""


def _frame(
    record: RunRecord, budget: int, reference: Arm | None, source_return: float, fraction: float, oracle: Oracle | None
) -> Frame:
    floor = float(reference.curves.returns[:, 0].mean()) if reference else math.nan
    end = oracle.asymptotic_return if oracle else None
    return Frame(
        env=record.env,
        target=record.target,
        budget=budget,
        floor=floor,
        source_return=source_return,
        threshold=threshold(floor, source_return, fraction),
        oracle_return=end.point if end else math.nan,
        oracle_steps=oracle.steps if oracle else 0,
    )


def _headline(cells: Mapping[str, Cell], leading: str) -> Headline:
    own, other = cells.get(leading), cells.get(REFERENCE)
    if own is None or other is None:
        return Headline(None, None)
    initial = own.quantities.get("initial_return"), other.quantities.get("initial_return")
    return compute_headline(*initial, own.times, other.times)


_REASONS = {
    "short": "ended at step {step}, before the budget of its target; not compared",
    "long": "went on to step {step}, after the budget of its target; not compared",
}


def _problem(record: RunRecord, length: str) -> Problem | None:
    """Why a job does not count; None if it does. `length` is short or long for a finished one that is left out."""
    r = record
    if length:
        reason = _REASONS[length].format(step=int(r.steps[-1]))
        return Problem(r.env, r.target, r.method, r.seed, length, reason)
    if r.finished:
        return None
    reason = r.error or ("no message" if r.status == "failed" else "never ran")
    return Problem(r.env, r.target, r.method, r.seed, r.status, reason)
