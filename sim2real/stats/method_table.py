"""One row per method over several targets: interquartile means of comparable numbers, with intervals.

Returns compare between targets only as shares of the span from floor to source return, so every column is a share. The
statistic is the interquartile mean over all runs (Agarwal et al., arXiv 2108.13264), the interval the bootstrap of
`intervals.py`: strata are environments, and a seed is drawn with all its targets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .curves import ORACLE, REFERENCE
from .estimation.intervals import Interval, interval, iqm, mean
from .estimation.metrics import FloatArray, asymptotic_return, share_of_span
from .estimation.paired import adjust_by_holm, agents_needed, sign_flip_p
from .frame import Frame, generator_for
from .groups import Group, groups_by_env, rank_methods
from .quantities import QUANTITIES, reported_in
from .verdicts import MIN_SEEDS, Word

__all__ = ["COLUMNS", "MethodRow", "MethodTable", "Paired", "compute_method_table", "runs_by_target"]

LEVEL = 0.05
"""The level of the tests between methods."""
COLUMNS = reported_in("methods")
"""What a row has, all shares: of the span, of the way to the oracle, of the budget, of the return lost, of the source
return."""


@dataclass(frozen=True)
class MethodRow:
    """One method over the targets of a table.

    `quantities`: by names of COLUMNS, absent where no run has one; `num_runs` of each counts seeds, each once per
    environment. `num_runs` counts runs, `num_ahead` those that have a dip because they start with something to lose,
    `num_censored` those that did not get to the oracle's level within the budget. `num_negative` of `num_judged`
    targets have the verdict that transfer hurt; `worst` is the largest P(scratch better) among them, NaN without one.
    """

    method: str
    quantities: Mapping[str, Interval]
    num_runs: int
    num_ahead: int
    num_censored: int
    num_negative: int
    num_judged: int
    worst: float


@dataclass(frozen=True)
class Paired:
    """The score of a method minus that of another, both from the same source agents.

    `difference` is its mean over agents, shares of the span, with Welch's t interval in agents; an agent counts with
    the mean over its runs. `p` is of the sign-flip test, adjusted by Holm for all pairs of the table. `agents_needed`
    is how many agents would show it with probability 0.8, None where that is not known.
    """

    method: str
    reference: str
    difference: Interval
    p: float
    agents_needed: int | None

    @property
    def decided(self) -> bool:
        """Whether the difference is one at the 5 % level."""
        return self.p < LEVEL


@dataclass(frozen=True)
class MethodTable:
    """Rows in order of score, the best first; `env` is empty for a table over all environments.

    `paired` are the differences of each row from zero-shot, from the default method and from scratch.

    `oracle` is the oracle's asymptotic return as share of the span, over its own runs and its own steps, None unless it
    has runs on every target.
    """

    env: str
    num_targets: int
    rows: tuple[MethodRow, ...]
    oracle: Interval | None
    paired: tuple[Paired, ...]


def compute_method_table(
    groups: Sequence[Group], methods: Sequence[str], default: str, env: str = ""
) -> MethodTable | None:
    """Summarise `methods` over those of `groups` that have a span; None if fewer than two do.

    A method without a run on one of the targets has no row: it would be compared on an easier or harder set.
    """
    spanned = [group for group in groups if math.isfinite(group.frame.span)]
    if len(spanned) < 2:
        return None
    whole = [m for m in methods if all(m in group.cells and group.cells[m].num_runs for group in spanned)]
    by_env = groups_by_env(spanned)
    rows = tuple(_row(spanned, by_env, method, env) for method in rank_methods(spanned, whole))
    paired = _pair([row.method for row in rows], by_env, ("zero_shot", default, REFERENCE), env)
    return MethodTable(env, len(spanned), rows, _oracle(spanned, env), paired)


def _pair(
    methods: Sequence[str], by_env: Mapping[str, Sequence[Group]], references: Sequence[str], env: str
) -> tuple[Paired, ...]:
    """Compare every method with those of `references` that are among them."""
    found: list[Paired] = []
    for reference in dict.fromkeys(references):
        for method in methods if reference in methods else ():
            strata = [agents for own in by_env.values() if len(agents := _agent_differences(own, method, reference))]
            if method == reference or not strata:
                continue
            every = np.concatenate(strata)
            rng = generator_for("paired", *filter(None, (env, method, reference)))
            difference = interval(strata, mean, rng)
            found.append(Paired(method, reference, difference, sign_flip_p(every, rng), agents_needed(every)))
    adjusted = adjust_by_holm([pair.p for pair in found])
    return tuple(replace(pair, p=p) for pair, p in zip(found, adjusted, strict=True))


def _agent_differences(groups: Sequence[Group], method: str, reference: str) -> FloatArray:
    """Return the mean difference in score of every source agent of an environment, (num_agents,), shares of the span.

    Seeds count that have runs of both on all targets.
    """
    scores = [runs_by_target(groups, name, "score") for name in (method, reference)]
    seeds = [sorted({seed for g in groups for seed in g.cells[name].curves.seeds}) for name in (method, reference)]
    shared = [seed for seed in seeds[0] if seed in seeds[1]]
    ours, theirs = (own[[rows.index(seed) for seed in shared]] for own, rows in zip(scores, seeds, strict=True))
    differences = (ours - theirs).mean(axis=1)
    return np.asarray(differences[np.isfinite(differences)])


def _row(groups: Sequence[Group], by_env: Mapping[str, Sequence[Group]], method: str, env: str) -> MethodRow:
    found: dict[str, Interval] = {}
    for name in COLUMNS:
        column = QUANTITIES[name]
        arrays = [runs_by_target(own, method, name) for own in by_env.values()]
        strata = [array[np.isfinite(array).any(axis=1)] for array in arrays]
        strata = [array for array in strata if array.size]
        everywhere = all(np.isfinite(array).any(axis=0).all() for array in arrays)
        # a dip is of the runs that have one; any other column over some of the targets would be another set of them
        if strata and (everywhere or column.of_some):
            # all environments keep the name under which this number was first reported
            rng = generator_for("overall", *filter(None, (env, method, name if name != "score" else "")))
            found[name] = interval(strata, iqm, rng, bounds=column.bounds)
            if column.of_some and not any(np.nan_to_num(array).any() for array in strata):
                # as in a cell: runs without a dip are no proof that there never is one
                found[name] = Interval(0.0, math.nan, math.nan, found[name].num_runs)
    cells = [group.cells[method] for group in groups]
    verdicts = [cell.verdict for cell in cells if cell.verdict and cell.verdict.num_runs >= MIN_SEEDS]
    return MethodRow(
        method=method,
        quantities=found,
        num_runs=sum(cell.num_runs for cell in cells),
        num_ahead=sum(int(np.isfinite(cell.per_run["dip_depth"]).sum()) for cell in cells),
        num_censored=sum(cell.oracle_times.num_censored for cell in cells if cell.oracle_times),
        num_negative=sum(verdict.word is Word.NEGATIVE for verdict in verdicts),
        num_judged=len(verdicts),
        worst=max((v.scratch_better for v in verdicts if math.isfinite(v.scratch_better)), default=math.nan),
    )


def _oracle(groups: Sequence[Group], env: str) -> Interval | None:
    arms: dict[str, list[tuple[Sequence[int], FloatArray]]] = {}
    for group in groups:
        if group.oracle is None or not group.oracle.num_runs:
            return None
        curves, frame = group.oracle.curves, group.frame
        ends = share_of_span(asymptotic_return(curves.steps, curves.returns), frame.floor, frame.source_return)
        arms.setdefault(frame.env, []).append((curves.seeds, ends))
    return interval([_beside(columns) for columns in arms.values()], iqm, generator_for("overall", env, ORACLE))


def runs_by_target(groups: Sequence[Group], method: str, name: str) -> FloatArray:
    """Values of a column for a method on the targets of one environment, (num_seeds, num_targets), NaN for an absent
    run.
    """
    cells = [(group.frame, group.cells[method]) for group in groups]
    return _beside([(cell.curves.seeds, _comparable(frame, cell.per_run, name)) for frame, cell in cells])


def _beside(columns: Sequence[tuple[Sequence[int], FloatArray | float]]) -> FloatArray:
    """Put targets beside each other, a row per seed: (seeds, values (num_runs,)) -> (num_seeds, num_targets)."""
    seeds = {seed: row for row, seed in enumerate(sorted({seed for own, _ in columns for seed in own}))}
    values = np.full((len(seeds), len(columns)), np.nan)
    for column, (own, found) in enumerate(columns):
        values[[seeds[seed] for seed in own], column] = found
    return values


def _comparable(frame: Frame, per_run: Mapping[str, FloatArray], name: str) -> FloatArray | float:
    """Values of single runs as shares, (num_runs,), or NaN where this target has none."""
    share = QUANTITIES[name].share
    return share(frame, per_run[name]) if share is not None and name in per_run else math.nan
