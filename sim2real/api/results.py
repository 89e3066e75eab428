"""bench and report, from Python."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ..bench import (
    Bench,
    Part,
    find_bench_config,
    is_run,
    load_bench_config,
    merge_results,
    read_results,
    results_of_runs,
)
from ..errors import UserError
from ..report import ReportPaths, write_report
from ..stats import Interval, summarise
from ..stats.records import BenchResults
from .configuring import keyword_overrides

__all__ = ["Report", "bench", "read_any", "report"]


@dataclass(frozen=True)
class Report:
    """A report, and what it is made of.

    Attributes:
        paths: where `html`, `markdown`, `csv` and `json` lie.
        results: every record.
        failed: jobs that failed in this call of `bench`; 0 for a report.
    """

    paths: ReportPaths
    results: BenchResults
    failed: int = 0

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What every method reached on every target, over its seeds, as JSON values; None where it is not known.

        `initial_return` and `final_return` (mean over the last fifth of the curve) are means over seeds, `gain` is the
        difference in mean return over the budget to scratch with its 95 % interval.
        """
        found = []
        for group in summarise(self.results).groups:
            for method, cell in group.cells.items():
                gain = cell.quantities.get("auc_difference")
                found.append(
                    {
                        "env": group.frame.env,
                        "target": group.frame.target,
                        "method": method,
                        "runs": cell.num_runs,
                        "source_return": _finite(group.frame.source_return),
                        "initial_return": _point(cell.quantities.get("initial_return")),
                        "final_return": _point(cell.quantities.get("asymptotic_return")),
                        "gain": _point(gain),
                        "gain_low": _finite(gain.low) if gain is not None and gain.known else None,
                        "gain_high": _finite(gain.high) if gain is not None and gain.known else None,
                        "verdict": cell.verdict.word.value if cell.verdict is not None else None,
                    }
                )
        return found


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _point(value: Interval | None) -> float | None:
    return None if value is None else _finite(value.point)


def bench(
    config: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    set: Mapping[str, Any] | None = None,
    steps: int | None = None,
    device: str | None = None,
    processes: int = 0,
    only: Sequence[str] = (),
    jobs: str | None = None,
    trust: bool = False,
    progress: bool = False,
) -> Report:
    """Run a grid of environment x target x method x seed, and write its report; call it again to go on.

        if __name__ == "__main__":  # jobs run in processes of their own
            result = sim2real.bench("smoke", out="runs/smoke")
            print(result.failed, result.rows)

    Args:
        config: a YAML file, or the name of a benchmark that comes along.
        out: folder of the benchmark; continued if it has this one.
        set: dotted key -> value that replaces what the file has there, e.g. {"seeds": [0, 1]}.
        steps: target steps of every run, in place of the budget's.
        device: of the networks of every run: auto, cpu, cuda or mps.
        processes: jobs at once; 0: one per core.
        only: run the jobs of these environments only.
        jobs: run this part of the jobs only, e.g. "2/4"; several machines share a folder so.
        trust: allow code that comes with a run, or that a run made elsewhere names.
        progress: show progress on standard error.

    Raises:
        UserError: naming what is wrong and what would be valid; a job that fails is counted in `failed`.
    """
    path = find_bench_config(Path(config))
    of_runs = keyword_overrides(None, steps=("budget.target_steps", steps), device=("device", device))
    benchmark = Bench.begin(
        Path(out), load_bench_config(path, keyword_overrides(set), of_runs), path.parent, trust=trust
    )
    part = None if jobs is None else Part.parse(jobs)
    failed = benchmark.run(Console(stderr=True, quiet=not progress), processes, only, part)
    return Report(benchmark.report(), benchmark.results(), failed)


def report(*places: str | os.PathLike[str], out: str | os.PathLike[str] | None = None) -> Report:
    """Write the report of a benchmark, or of single transfers beside their source agents.

        result = sim2real.report("runs/hopper", "runs/hopper-heavy", "runs/hopper-weak", out="report")
        print(result.paths.html)

    Args:
        *places: folders of runs; or folders of a benchmark, or their results.json, as parts of one grid.
        out: folder of the report; None: the folder `report` in that of a single benchmark or run.

    Raises:
        UserError: when something is missing or damaged, or does not belong together.
    """
    results, folder = read_any([Path(place) for place in places], None if out is None else Path(out), "out")
    return Report(write_report(results, folder), results)


def read_any(paths: Sequence[Path], out: Path | None, option: str) -> tuple[BenchResults, Path]:
    """Return what runs, or benchmarks, have measured, and the folder of their report.

    Raises:
        UserError: as `report`; `option` is what the user calls `out`.
    """
    if not paths:
        raise UserError("report: name a benchmark, or runs")
    runs = [path for path in paths if is_run(path)]
    if out is None and (len(paths) > 1 or paths[0].is_file()):
        raise UserError(f"{option}: say where the report of several places, or of a results.json, is to be")
    if runs and len(runs) < len(paths):
        other = next(path for path in paths if path not in runs)
        raise UserError(f"{runs[0]} is a run, {other} is none: a report is of runs, or of benchmarks")
    out = paths[0] / "report" if out is None else out.resolve()  # a link that the user names is the user's own
    return (results_of_runs(runs) if runs else merge_results({str(path): read_results(path) for path in paths})), out
