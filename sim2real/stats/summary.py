"""From records to the numbers of the report: a group per environment and target, in it a cell per method."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..records import BenchResults, RunRecord
from .cells import Arm, Cell, Frame, compute_cell, generator_for
from .curves import REFERENCE, align, compute_budget, compute_grid, is_short
from .intervals import Interval, interval, iqm
from .metrics import FloatArray, threshold
from .verdicts import Headline, compute_headline

__all__ = ["Group", "Problem", "Summary", "summarise"]

NOT_LEADING = (REFERENCE, "zero_shot", "oracle")
"""Yardsticks: never what the headline is about, unless the bench names one as its default."""


@dataclass(frozen=True)
class Problem:
    """A job that does not count, and why. `status` is failed, missing or short (ended before the budget)."""

    env: str
    target: str
    method: str
    seed: int
    status: str
    reason: str


@dataclass(frozen=True)
class Group:
    """One environment and target: what its methods share, a cell per method, and the leading method's
    headline.
    """

    frame: Frame
    cells: Mapping[str, Cell]
    headline: Headline


@dataclass(frozen=True)
class Summary:
    """All the report says in numbers.

    `leading` is the method of the verdict cards: the bench's default, or the first that is no yardstick if
    the default was not run. `overall` holds per method the interquartile mean over all targets of the runs'
    area, as share of the span from floor to source return, present when there are at least two targets with
    a span; its `num_runs` counts seeds, each once per environment, as its runs share one source agent.
    `source_steps` counts the training of every source agent (environment x seed) once, however many jobs
    shared it.
    """

    name: str
    leading: str
    default_method: str
    methods: tuple[str, ...]
    groups: tuple[Group, ...]
    overall: Mapping[str, Interval]
    problems: tuple[Problem, ...]
    num_jobs: int
    num_finished: int
    source_steps: int
    threshold_fraction: float


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _source_returns(records: Sequence[RunRecord]) -> float:
    """Mean over source agents (one per seed, shared by the jobs of an environment) of the return on the
    source.
    """
    by_seed = {r.seed: r.source_return_before for r in records if r.source_return_before is not None}
    known = [value for value in by_seed.values() if math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan


def _summarise_group(
    records: Sequence[RunRecord],
    methods: Sequence[str],
    source_return: float,
    results: BenchResults,
    leading: str,
) -> tuple[Group, list[RunRecord]]:
    """Summarise the jobs on one target; also returns the finished runs that are too short to compare."""
    budget = compute_budget(records, results.default_method)
    short = [r for r in records if r.finished and is_short(r, budget)]
    counting = [r for r in records if r.finished and not is_short(r, budget)]
    grid = compute_grid(counting, budget)
    arms = {}
    for method in methods:
        runs = tuple(sorted((r for r in counting if r.method == method), key=lambda r: r.seed))
        arms[method] = Arm(method, runs, align(runs, grid))
    reference = arms.get(REFERENCE)
    reference = reference if reference is not None and reference.records else None
    floor = float(reference.curves.returns[:, 0].mean()) if reference else math.nan
    limit = threshold(floor, source_return, results.threshold_fraction)
    frame = Frame(records[0].env, records[0].target, budget, floor, source_return, limit)
    cells = {}
    for method in methods:
        jobs = [r for r in records if r.method == method]
        if jobs:
            num_short = sum(r.method == method for r in short)
            cells[method] = compute_cell(frame, arms[method], reference, jobs, num_short)
    return Group(frame, cells, _headline(cells, leading)), short


def _headline(cells: Mapping[str, Cell], leading: str) -> Headline:
    own, other = cells.get(leading), cells.get(REFERENCE)
    if own is None or other is None:
        return Headline(None, None)
    initial = own.quantities.get("initial_return"), other.quantities.get("initial_return")
    return compute_headline(*initial, own.times, other.times)


def _leading(methods: Sequence[str], default: str) -> str:
    others = [method for method in methods if method not in NOT_LEADING]
    return default if default in methods or not others else others[0]


def _overall(groups: Sequence[Group], methods: Sequence[str]) -> dict[str, Interval]:
    """IQM over runs on all targets of (area - floor) / span (arXiv 2108.13264), seeds resampled by environment."""
    spanned = [group for group in groups if math.isfinite(group.frame.span)]
    found: dict[str, Interval] = {}
    if len(spanned) < 2:
        return found
    for method in methods:
        # a method without one of the targets would be compared on an easier or harder set
        if all(method in group.cells and group.cells[method].num_runs for group in spanned):
            envs = _ordered(group.frame.env for group in spanned)
            strata = [_scores([g for g in spanned if g.frame.env == env], method) for env in envs]
            found[method] = interval(strata, iqm, generator_for("overall", method))
    return found


def _scores(groups: Sequence[Group], method: str) -> FloatArray:
    """Scores of a method on the targets of one environment, (num_seeds, num_targets), NaN for an absent run."""
    seeds = sorted({seed for group in groups for seed in group.cells[method].curves.seeds})
    scores = np.full((len(seeds), len(groups)), np.nan)
    for column, group in enumerate(groups):
        cell, frame = group.cells[method], group.frame
        rows = [seeds.index(seed) for seed in cell.curves.seeds]
        scores[rows, column] = (cell.per_run["area_under_curve"] - frame.floor) / frame.span
    return scores


def _problems(records: Sequence[RunRecord], short: Sequence[RunRecord]) -> list[Problem]:
    problems = []
    left_out = {r.key for r in short}
    for r in records:
        if r.key in left_out:
            reason = f"ended at step {int(r.steps[-1])}, before the budget of its target; not compared"
            problems.append(Problem(r.env, r.target, r.method, r.seed, "short", reason))
        elif not r.finished:
            reason = r.error or ("no message" if r.status == "failed" else "never ran")
            problems.append(Problem(r.env, r.target, r.method, r.seed, r.status, reason))
    return problems


def summarise(results: BenchResults) -> Summary:
    """Compute everything the report shows. Same results, same numbers: the bootstrap is seeded by names."""
    records = results.records
    methods = _ordered(r.method for r in records)
    leading = _leading(methods, results.default_method)
    groups, short = [], []
    for env, target in dict.fromkeys((r.env, r.target) for r in records):
        source_return = _source_returns([r for r in records if r.env == env])
        jobs = [r for r in records if (r.env, r.target) == (env, target)]
        group, left_out = _summarise_group(jobs, methods, source_return, results, leading)
        groups.append(group)
        short.extend(left_out)
    sources: dict[tuple[str, int], int] = {}
    for r in records:
        sources[r.env, r.seed] = max(sources.get((r.env, r.seed), 0), r.source_steps)
    return Summary(
        name=results.name,
        leading=leading,
        default_method=results.default_method,
        methods=methods,
        groups=tuple(groups),
        overall=_overall(groups, methods),
        problems=tuple(_problems(records, short)),
        num_jobs=len(records),
        num_finished=sum(r.finished for r in records),
        source_steps=sum(sources.values()),
        threshold_fraction=results.threshold_fraction,
    )
