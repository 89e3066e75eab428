"""From records to the numbers of the report: a group per environment and target, tables over them, the bars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .bar import Bar
from .bars import compute_bars
from .curves import ORACLE, REFERENCE
from .estimation.intervals import Interval
from .groups import Group, Problem, groups_by_env, rank_methods, sort_by, summarise_group
from .method_table import MethodTable, compute_method_table
from .records import TEACHER, BenchResults, RunRecord

__all__ = ["Summary", "summarise"]

NOT_LEADING = (REFERENCE, "zero_shot")
"""Yardsticks: never what the headline is about, unless the bench names one as its default."""


@dataclass(frozen=True)
class Summary:
    """All the report says in numbers.

    `leading` is the method of the verdict cards: the bench's default, or the first that is no yardstick if
    the default was not run. `methods` are those of one budget, so not the oracle. `table` is over all targets,
    `env_tables` over those of an environment, in both cases at least two with a span. `bars` are what the default
    method is held to, empty without it.
    `source_steps` counts the training of every source agent (environment x seed) once, however many jobs
    shared it, and what jobs took beyond that in worlds of the source. `eval_faults` counts the evaluation episodes on
    the target in which the simulation diverged, of the jobs that counted them.
    """

    name: str
    leading: str
    default_method: str
    methods: tuple[str, ...]
    groups: tuple[Group, ...]
    table: MethodTable | None
    env_tables: Mapping[str, MethodTable]
    bars: tuple[Bar, ...]
    problems: tuple[Problem, ...]
    num_jobs: int
    num_finished: int
    source_steps: int
    eval_faults: int
    threshold_fraction: float

    @property
    def overall(self) -> Mapping[str, Interval]:
        """Score of every method over all targets, by method; empty without the table."""
        return {row.method: row.quantities["score"] for row in self.table.rows} if self.table else {}

    @property
    def envs(self) -> tuple[str, ...]:
        """Environments, in the order they came."""
        return tuple(self._by_env)

    def groups_of(self, env: str) -> tuple[Group, ...]:
        """Return the groups of one environment."""
        return self._by_env.get(env, ())

    def ranked(self, env: str) -> tuple[str, ...]:
        """Return the methods that have a job in an environment, by effect on its targets, the best first."""
        return self._ranked.get(env, ())

    @cached_property
    def _by_env(self) -> Mapping[str, tuple[Group, ...]]:
        return {env: tuple(own) for env, own in groups_by_env(self.groups).items()}

    @cached_property
    def _ranked(self) -> Mapping[str, tuple[str, ...]]:
        ranked = {}
        for env, groups in self._by_env.items():
            present = {method for group in groups for method in group.cells}
            ranked[env] = rank_methods(groups, [method for method in self.methods if method in present])
        return ranked


def _source_returns(records: Sequence[RunRecord]) -> float:
    """Mean over source agents (one per seed, shared by the jobs of an environment) of the return on the
    source. Teachers, which are evaluated without the parameters that they were trained with, count only where there is
    nothing else.
    """
    records = [r for r in records if r.source != TEACHER] or records
    by_seed = {r.seed: r.source_return_before for r in records if r.source_return_before is not None}
    known = [value for value in by_seed.values() if math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan


def _leading(methods: Sequence[str], default: str) -> str:
    others = [method for method in methods if method not in NOT_LEADING]
    return default if default in methods or not others else others[0]


def summarise(results: BenchResults) -> Summary:
    """Compute everything the report shows. Same results, same numbers: the bootstrap is seeded by names."""
    records = results.records
    methods = tuple(dict.fromkeys(r.method for r in records if r.method != ORACLE))
    leading = _leading(methods, results.default_method)
    groups: list[Group] = []
    problems: list[Problem] = []
    source_returns = {env: _source_returns(own) for env, own in sort_by(records, lambda r: r.env).items()}
    for (env, _), jobs in sort_by(records, lambda r: (r.env, r.target)).items():
        group, found = summarise_group(jobs, source_returns[env], results, leading)
        groups.append(group)
        problems.extend(found)
    sources: dict[tuple[str, int, bool], int] = {}
    for r in records:
        key = r.env, r.seed, r.source == TEACHER
        sources[key] = max(sources.get(key, 0), r.source_steps)
    tables = {env: compute_method_table(own, methods, leading, env) for env, own in groups_by_env(groups).items()}
    return Summary(
        name=results.name,
        leading=leading,
        default_method=results.default_method,
        methods=methods,
        groups=tuple(groups),
        table=compute_method_table(groups, methods, leading),
        env_tables={env: table for env, table in tables.items() if table is not None},
        bars=compute_bars(groups, results.default_method),
        problems=tuple(problems),
        num_jobs=len(records),
        num_finished=sum(r.finished for r in records),
        source_steps=sum(sources.values()) + sum(r.companion_steps for r in records),
        eval_faults=sum(r.eval_faults or 0 for r in records),
        threshold_fraction=results.threshold_fraction,
    )
