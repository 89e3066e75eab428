"""Bench: a benchmark's folder.

<bench>/  bench.resolved.yaml   the grid, with every default
          ledger.json           job -> how it ended last time
          .lock                 held by the one process that runs its jobs
          source/ teacher/      one run directory per source agent; teachers for methods that need one
          transfer/             one run directory per method, target and seed
          report/               results.json, summary.csv, report.md, report.html
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from envs import bound, unknown_name

from ..config.config import validate
from ..config.trust import require_same_code
from ..config.user_code import Code
from ..errors import UserError
from ..files.differences import describe_differences
from ..files.files import read_json, require_plain, write_atomic, write_json
from ..files.locking import working_on
from ..files.reading import GENERATED, load_yaml
from ..report import ReportPaths, write_report
from ..runs.progress import ProgressBoard
from ..runs.run import RunDirectory
from ..stats.records import BenchResults
from ..versions import join_versions
from .collect import collect_record, has_finished, made_with
from .config import BenchConfig
from .grid import Job, make_jobs
from .launcher import Outcome, require_main_guard, run_jobs

__all__ = ["Bench"]

_logger = logging.getLogger(__name__)


class Bench:
    """A benchmark on disk: begun once, then run until all its jobs are finished, reported at any time."""

    def __init__(
        self, path: Path, config: BenchConfig, jobs: list[Job], code: Mapping[str, Code] | None = None
    ) -> None:
        """Keep what `begin` or `open` have checked; `code`: environment -> the modules its configuration names."""
        self.path, self.config, self.jobs, self._code = path, config, jobs, code or {}

    @classmethod
    def begin(cls, path: Path, config: BenchConfig, config_folder: Path, *, trust: bool = False) -> Bench:
        """Begin a benchmark in the folder `path`, or take up the one that is there.

        Args:
            path: absent, empty, or the folder of this very benchmark.
            config: the grid.
            config_folder: where relative paths in it start.
            trust: whether code that was not made here may be loaded.

        Raises:
            UserError: when a configuration is wrong, or the folder holds something else.
        """
        configs = {
            (Path(name).stem, seed): config.run_config(name, seed, config_folder, trust=trust)
            for name in config.environments
            for seed in config.seeds
        }
        jobs = make_jobs(configs, config.targets, config.methods, config.oracle_budget.apply)
        content = {"bench": config.model_dump(mode="json"), "jobs": [job.to_mapping() for job in jobs]}
        file = path / "bench.resolved.yaml"
        if path.is_dir() and any(not entry.name.endswith(".writing") for entry in path.iterdir()):
            if not file.is_file():
                raise UserError(f"{path}: is not empty and holds no benchmark; choose another --out")
            if (there := _read(file)) != content:
                raise UserError(
                    f"{path}: already holds another benchmark ({file}); differs in "
                    f"{describe_differences(there, content)}; choose another --out, or ask for what is there"
                )
        code = {environment: found.code for (environment, _), found in configs.items()}
        for job in jobs:
            if code[job.environment] and (path / job.path / "manifest.json").is_file():
                require_same_code(RunDirectory(path / job.path).manifest(), code[job.environment], path / job.path)
        path.mkdir(parents=True, exist_ok=True)
        write_atomic(file, yaml.safe_dump(content, sort_keys=False))
        return cls(path, config, jobs, code)

    @classmethod
    def open(cls, path: Path) -> Bench:
        """Open the folder of a benchmark.

        Raises:
            UserError: when it is missing or holds none.
        """
        file = path / "bench.resolved.yaml"
        if not file.is_file():
            raise UserError(f"{path}: holds no benchmark (no bench.resolved.yaml)")
        content = _read(file)
        try:
            config = validate(BenchConfig, content["bench"], str(file))
            jobs = [Job(**job) for job in content["jobs"]]
        except (KeyError, TypeError):
            raise UserError(f"{file}: damaged: expected the keys bench and jobs") from None
        assert isinstance(config, BenchConfig)
        return cls(path, config, jobs)

    def run(self, console: Console, num_processes: int = 0, only: Sequence[str] = ()) -> int:
        """Run every job that has not finished yet, those that failed before among them; return how many fail now.

        Args:
            console: where progress is shown.
            num_processes: jobs at once; 0 means one per core.
            only: environments whose jobs to run, by the names of their folders; none: all.

        Raises:
            EnvsError: when the grid has no such environment.
            UserError: when another process runs jobs of this folder, or the calling script has no main guard.
        """
        require_main_guard()
        self.require_environments(only)
        require_plain(self.path, (".lock", ".lease", "ledger.json", "bench.resolved.yaml"))
        with working_on(self.path):
            return self._run([job for job in self.jobs if not only or job.environment in only], console, num_processes)

    def require_environments(self, names: Sequence[str]) -> None:
        """Raise EnvsError on a name, as of a folder, of an environment that the grid does not have."""
        environments = dict.fromkeys(job.environment for job in self.jobs)
        for name in names:
            if name not in environments:
                raise unknown_name("environment of this benchmark", name, environments)

    def _run(self, jobs: list[Job], console: Console, num_processes: int) -> int:
        ledger: dict[str, Any] = self._ledger()
        failures: list[Job] = []
        waiting = [job for job in jobs if not has_finished(self.path, job)]
        with ProgressBoard(console, overall=len(jobs)) as board:
            if len(waiting) < len(jobs):
                board.count("finished before, skipped", done=len(jobs) - len(waiting))

            def ended(outcome: Outcome) -> None:
                """Keep how a job ended and say so."""
                ledger[outcome.job.path] = {
                    "status": "failed" if outcome.error else "finished",
                    "error": outcome.error,
                }
                write_json(self.path / "ledger.json", ledger)
                failures.extend([outcome.job] if outcome.error else [])
                last = (outcome.error or "").splitlines()
                board.count(f"{outcome.job.name}: {'FAILED: ' + last[-1] if last else 'finished'}")

            run_jobs(waiting, self.path, board, ended, num_processes, self._code)
        return len(failures)

    def results(self) -> BenchResults:
        """Return what all jobs have measured so far, failed and missing ones included.

        A ledger that is damaged hides nothing but why jobs failed: what they measured is in their runs.
        """
        try:
            ledger = self._ledger()
        except UserError as error:
            _logger.warning("%s", error)
            ledger = {}
        records = tuple(
            collect_record(self.path, job, ledger.get(job.path, {}).get("error"))
            for job in self.jobs
            if job.target is not None
        )
        settings = {
            **self.config.model_dump(mode="json"),
            "runs": {j.environment: j.config for j in self.jobs if j.target is None and j.source_kind == "source"},
        }
        versions = join_versions(made_with(self.path, job) for job in self.jobs)
        created = datetime.now(UTC).isoformat(timespec="seconds")
        return BenchResults(
            self.config.name,
            records,
            settings,
            versions,
            self.config.threshold_fraction,
            self.config.default_method,
            created,
        )

    def report(self) -> ReportPaths:
        """Write the report and return where it is."""
        return write_report(self.results(), self.path / "report")

    def _ledger(self) -> dict[str, dict[str, Any]]:
        """Return how jobs ended, as far as the file says; an entry that is none is left out, and that is said."""
        file = self.path / "ledger.json"
        ledger = read_json(file) if file.is_file() else {}
        if not isinstance(ledger, dict):
            raise UserError(f"{file}: damaged: expected how each job ended; remove it, finished jobs are found without")
        if odd := [name for name, row in ledger.items() if not isinstance(row, dict)]:
            _logger.warning("%s: damaged: %s: no entry of a job, left out", file, bound(", ".join(odd), 200))
        return {name: row for name, row in ledger.items() if name not in odd}


def _read(file: Path) -> Any:
    try:
        return load_yaml(file, GENERATED)
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None
