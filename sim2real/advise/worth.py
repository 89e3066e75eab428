"""What advice is worth: how well its scores order the methods as their measured outcomes do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from ..bench import Bench
from ..config.config import RunConfig, validate
from ..config.trust import code_of_run
from ..errors import UserError
from ..runs.progress import Reporter
from ..runs.run import RunDirectory
from ..stats import FloatArray, Interval, asymptotic_return, interval
from ..stats.records import RunRecord
from .advice import advise
from .candidates import candidates

__all__ = ["CellOf", "Worth", "correlate", "outcomes_of", "worth_of_advice"]


class CellOf(NamedTuple):
    """What one advice is about: an environment, a target, and the seed of the source agent."""

    env: str
    target: str
    seed: int


Table = Mapping[CellOf, Mapping[str, float]]
"""cell -> method -> number"""

_FEWEST = 3  # methods in a cell: two are in the right order half of the time by chance


@dataclass(frozen=True)
class Worth:
    """How well scores order methods.

    Attributes:
        cells: Spearman's rank correlation of scores and outcomes, in [-1, 1], in every cell that has one.
        mean: over cells, with its 95 % interval over seeds; a seed is drawn with all its targets.
        fixed: the same mean, were methods always ordered by their mean rank in all other cells: advice that looks at no
            target, but knows the outcomes elsewhere; NaN for a single cell.
        elsewhere: the same, but by the cells of other environments alone, as on an environment never seen; NaN for a
            single environment.
        first_best: how often the method advised first is the best one, over cells; where several share the first place,
            as methods with the same traits do, the chance that one drawn from them is.
        regret: mean share of the span between best and worst outcome that following the advice costs, in [0, 1].
    """

    cells: dict[CellOf, float]
    mean: Interval
    fixed: float
    elsewhere: float
    first_best: float
    regret: float

    def to_mapping(self) -> dict[str, Any]:
        """Return everything as what JSON can hold."""
        mean = {key: _plain(value) for key, value in asdict(self.mean).items()}
        rows = [{**cell._asdict(), "rank_correlation": value} for cell, value in self.cells.items()]
        shares = {name: _plain(getattr(self, name)) for name in ("fixed", "elsewhere", "first_best", "regret")}
        return {"cells": rows, "mean": mean, **shares}


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None


def correlate(scores: Table, outcomes: Table, rng: np.random.Generator) -> Worth:
    """Return the rank correlation of what was advised with what came of it.

    A cell counts if it has at least three methods with both numbers, and outcomes that differ. Where all scores are
    equal the advice orders nothing, and the correlation, undefined by its formula, counts as 0.

    Raises:
        UserError: when no cell counts.
    """
    cells: dict[CellOf, float] = {}
    costs, hits = [], []
    known = _common(scores, outcomes)
    for cell, (said, came) in known.items():
        cells[cell] = _spearman(list(said.values()), list(came.values()))
        worst, best = min(came.values()), max(came.values())
        first = np.array([came[m] for m in said if said[m] == max(said.values())])  # all that share the first place
        hits.append(float(np.mean(first == best)))
        costs.append(float((best - first.mean()) / (best - worst)))
    if not cells:
        raise UserError(f"rank correlation: no cell has {_FEWEST} methods with scores and differing outcomes")
    mean = interval(_strata(cells), _mean_of_known, rng, bounds=(-1.0, 1.0))
    came_of = {cell: came for cell, (_, came) in known.items()}
    fixed = _fixed_order(came_of, lambda cell, other: cell != other)
    elsewhere = _fixed_order(came_of, lambda cell, other: cell.env != other.env)
    return Worth(cells, mean, fixed, elsewhere, float(np.mean(hits)), float(np.mean(costs)))


def _common(scores: Table, outcomes: Table) -> dict[CellOf, tuple[dict[str, float], dict[str, float]]]:
    """Return scores and outcomes of the methods that have both, of the cells that count."""
    known = {}
    for cell in sorted(scores.keys() & outcomes.keys()):
        methods = sorted(scores[cell].keys() & outcomes[cell].keys())
        said, came = ({method: table[cell][method] for method in methods} for table in (scores, outcomes))
        if len(methods) >= _FEWEST and len(set(came.values())) > 1:
            known[cell] = said, came
    return known


def _spearman(said: Sequence[float], came: Sequence[float]) -> float:
    """Return the rank correlation; 0 where one side orders nothing."""
    if len(set(said)) == 1 or len(set(came)) == 1:
        return 0.0
    return float(stats.spearmanr(said, came).statistic)


def _fixed_order(outcomes: Table, counts: Callable[[CellOf, CellOf], bool]) -> float:
    """Return the mean rank correlation of each cell's outcomes with the methods' mean rank in others that count."""
    ranks = {
        cell: dict(zip(came, stats.rankdata(list(came.values())) / len(came), strict=True))
        for cell, came in outcomes.items()
    }
    found = []
    for cell, came in outcomes.items():
        others = [own for other, own in ranks.items() if counts(cell, other)]
        known = {m: float(np.mean([own[m] for own in others if m in own])) for m in came if any(m in o for o in others)}
        if len(known) >= _FEWEST:
            found.append(_spearman(list(known.values()), [came[m] for m in known]))
    return float(np.mean(found)) if found else float("nan")


def _mean_of_known(values: FloatArray) -> FloatArray:
    mean: FloatArray = np.nanmean(values, axis=-1)
    return mean


def _strata(cells: Mapping[CellOf, float]) -> list[FloatArray]:
    """Return an array (num_seeds, num_targets) for every environment, NaN where a cell is absent."""
    strata = []
    for env in sorted({cell.env for cell in cells}):
        own = [cell for cell in cells if cell.env == env]
        seeds, targets = sorted({cell.seed for cell in own}), sorted({cell.target for cell in own})
        rows = [[cells.get(CellOf(env, target, seed), np.nan) for target in targets] for seed in seeds]
        strata.append(np.array(rows, np.float64))
    return strata


def worth_of_advice(
    bench: Bench,
    *,
    steps: int,
    seed: int,
    num_threads: int = 0,
    report: Reporter | None = None,
    trust: bool = False,
) -> tuple[Worth, Table, Table]:
    """Advise on every finished cell of a benchmark and hold the scores against what its methods reached.

    Only the methods of the benchmark that advice is about count (see `outcomes_of`). Advice uses `steps` target steps
    of its own a cell, which the benchmark's ledgers do not know.

    Args:
        bench: the benchmark; nothing is written into its folder.
        steps: target steps of every advice.
        seed: of everything random.
        num_threads: threads that step worlds; 0: all cores.
        report: receives progress.
        trust: whether runs may name code that was not made here.

    Returns:
        The worth, and scores and outcomes of every cell.
    """
    sources = {
        (job.environment, job.seed): job
        for job in bench.jobs
        if job.target is None and job.source_kind == "source"  # whom advice is about: a teacher is another agent
    }
    runs = {key: bench.path / job.path for key, job in sources.items()}
    configs = {
        key: validate(RunConfig, job.config, job.name, {"code": code_of_run(job.config, runs[key], trust=trust)})
        for key, job in sources.items()
    }
    outcomes = outcomes_of(bench.results().records, configs)
    scores: dict[CellOf, dict[str, float]] = {}
    for done, cell in enumerate(outcomes):
        if report is not None:
            report(done, len(outcomes), f"{cell.env} {cell.target} seed {cell.seed}")
        run = RunDirectory.open(runs[cell.env, cell.seed], trust=trust)
        scores[cell] = advise(run, cell.target, steps=steps, seed=seed, num_threads=num_threads).scores
    return correlate(scores, outcomes, np.random.default_rng(seed)), scores, outcomes


def outcomes_of(
    records: Iterable[RunRecord], configs: Mapping[tuple[str, int], RunConfig]
) -> dict[CellOf, dict[str, float]]:
    """Return the asymptotic return (mean over the last fifth of the target budget) of every finished run that counts.

    Args:
        records: runs, of any methods; those that are no candidates for their source agent do not count.
        configs: (environment, seed) -> configuration of the source agent.
    """
    allowed = {key: candidates(config) for key, config in configs.items()}
    outcomes: dict[CellOf, dict[str, float]] = {}
    for record in records:
        if record.finished and record.method in allowed[record.env, record.seed]:
            reached = asymptotic_return(record.steps.astype(np.float64), record.returns[None])
            outcomes.setdefault(CellOf(record.env, record.target, record.seed), {})[record.method] = float(reached[0])
    return outcomes
