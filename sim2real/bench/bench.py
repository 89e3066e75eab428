"""Bench: a benchmark's folder.

<bench>/  bench.resolved.yaml   the grid, with every default
          ledger.json           job -> how it ended last time
          .lock                 of the process that is writing one of these two
          leases/               one file per job that a process is running
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

from envs import unknown_name

from ..config.config import validate
from ..config.trust import require_same_code
from ..config.user_code import Code
from ..errors import UserError
from ..files.files import require_plain, write_atomic
from ..files.locking import working_on
from ..files.reading import GENERATED, load_yaml
from ..methods import METHODS
from ..report import ReportPaths, write_report
from ..runs.progress import ProgressBoard
from ..runs.run import RunDirectory
from ..stats.records import BenchResults
from ..versions import join_versions
from .claims import FOLDER as LEASES
from .collect import collect_record, has_finished, made_with
from .config import BenchConfig
from .grid import Job, make_jobs
from .growth import grow
from .launcher import Outcome, require_main_guard, run_jobs
from .ledger import BenchLedger
from .part import Part

__all__ = ["Bench"]

_logger = logging.getLogger(__name__)
_WRITING = 600.0  # s that a report may take


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

        One that is there may grow: by environments, targets, methods and seeds. What is there of it is reused.

        Args:
            path: absent, empty, or the folder of this very benchmark.
            config: the grid.
            config_folder: where relative paths in it start.
            trust: whether code that was not made here may be loaded.

        Raises:
            UserError: when a configuration is wrong, or the folder holds something else, or runs that do not belong to
                what is asked.
        """
        configs = {
            (Path(name).stem, seed): config.run_config(name, seed, config_folder, trust=trust)
            for name in config.environments
            for seed in config.seeds
        }
        jobs = make_jobs(configs, config.targets, config.methods, config.oracle_budget.apply)
        code = {environment: found.code for (environment, _), found in configs.items()}
        file = path / "bench.resolved.yaml"
        if path.is_dir() and not file.is_file() and any(map(_is_strange, path.iterdir())):
            raise UserError(f"{path}: is not empty and holds no benchmark; choose another --out")
        path.mkdir(parents=True, exist_ok=True)
        with working_on(path):
            there = _read(file) if file.is_file() else None
            grid = config.model_dump(mode="json")
            if there is not None:
                grow(path, (_grid_of(there, file), grid), _jobs_of(there, file), jobs)
            for job in jobs:
                if code[job.environment] and (path / job.path / "manifest.json").is_file():
                    require_same_code(RunDirectory(path / job.path).manifest(), code[job.environment], path / job.path)
            content = {"bench": grid, "jobs": [job.to_mapping() for job in jobs]}
            if content != there:
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
        config = validate(BenchConfig, _grid_of(content, file), str(file))
        assert isinstance(config, BenchConfig)
        return cls(path, config, _jobs_of(content, file))

    def run(self, console: Console, num_processes: int = 0, only: Sequence[str] = (), part: Part | None = None) -> int:
        """Run every job that has not finished yet, those that failed before among them; return how many fail now.

        Other processes, on this machine and others, may do the same in this folder: each job is run by one of them,
        and one whose process ends without finishing it is taken over. This returns when all jobs have ended.

        Args:
            console: where progress is shown.
            num_processes: jobs at once; 0 means one per core.
            only: environments whose jobs to run, by the names of their folders; none: all.
            part: the share of these jobs to run; None: all.

        Raises:
            EnvsError: when the grid has no such environment.
            UserError: when the calling script has no main guard, or a file of the folder is damaged.
        """
        require_main_guard()
        self.require_environments(only)
        require_plain(self.path, (".lock", ".lease", "ledger.json", "bench.resolved.yaml", LEASES))
        jobs = [job for job in self.jobs if not only or job.environment in only]
        return self._run(part.select(jobs) if part is not None else jobs, console, num_processes)

    def require_environments(self, names: Sequence[str]) -> None:
        """Raise EnvsError on a name, as of a folder, of an environment that the grid does not have."""
        environments = dict.fromkeys(job.environment for job in self.jobs)
        for name in names:
            if name not in environments:
                raise unknown_name("environment of this benchmark", name, environments)

    def _run(self, jobs: list[Job], console: Console, num_processes: int) -> int:
        ledger = BenchLedger(self.path)
        before = ledger.read()
        failures: list[Job] = []
        waiting = [job for job in jobs if not has_finished(self.path, job)]
        with ProgressBoard(console, overall=len(jobs)) as board:
            if len(waiting) < len(jobs):
                board.count("finished before, skipped", done=len(jobs) - len(waiting))

            def ended(outcome: Outcome) -> None:
                """Keep how a job ended and say so."""
                if not outcome.elsewhere:
                    ledger.record(outcome.job, outcome.error)
                failures.extend([outcome.job] if outcome.error else [])
                last = (outcome.error or "").splitlines()
                where = " by another process" if outcome.elsewhere else ""
                board.count(f"{outcome.job.name}: {f'FAILED{where}: {last[-1]}' if last else f'finished{where}'}")

            def ended_elsewhere(job: Job) -> Outcome | None:
                """Return how a job ended in another process since this one began; None if it is still to be run."""
                if has_finished(self.path, job):
                    return Outcome(job, None, elsewhere=True)
                error = ledger.failed_since(job, before)
                return None if error is None else Outcome(job, error, elsewhere=True)

            run_jobs(waiting, self.path, board, ended, num_processes, self._code, ended_elsewhere)
        return len(failures)

    def results(self) -> BenchResults:
        """Return what all jobs have measured so far, failed and missing ones included.

        A ledger that is damaged hides nothing but why jobs failed: what they measured is in their runs.
        """
        try:
            ledger = BenchLedger(self.path).read()
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
            "runs": _runs(self.jobs),
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
        """Write the report and return where it is; one process at a time, so that the last one's is the newest.

        Raises:
            UserError: when another process has been writing it for ten minutes.
        """
        require_plain(self.path, ("report",))
        folder = self.path / "report"
        folder.mkdir(exist_ok=True)
        with working_on(folder, patience=_WRITING):
            return write_report(self.results(), folder)


def _is_strange(entry: Path) -> bool:
    """Whether something is not what `begin` leaves if it is killed at once."""
    return entry.name not in (".lock", ".lease") and not entry.name.endswith(".writing")


def _grid_of(content: Any, file: Path) -> dict[str, Any]:
    """Return the grid that the file of a benchmark has."""
    if not isinstance(content, dict) or not isinstance(content.get("bench"), dict):
        raise UserError(f"{file}: damaged: expected the keys bench and jobs")
    return dict(content["bench"])


def _jobs_of(content: Any, file: Path) -> list[Job]:
    """Return the jobs that the file of a benchmark has."""
    try:
        return [Job(**job) for job in content["jobs"]]
    except (KeyError, TypeError):
        raise UserError(f"{file}: damaged: expected the keys bench and jobs") from None


def _runs(jobs: Sequence[Job]) -> dict[str, Any]:
    """Return environment -> configuration of its runs, with every target as the runs on it have it.

    Runs on targets come after their source agents, whose configurations say nothing of what a target is spent on.
    """
    runs = {job.environment: {**job.config} for job in jobs if _is_ordinary(job)}
    for job in jobs:
        targets, known = job.config.get("targets", {}), runs[job.environment].get("targets", {})
        own = {job.target: targets[job.target]} if job.target in targets else {}
        runs[job.environment]["targets"] = {**targets, **known, **own}
    return runs


def _is_ordinary(job: Job) -> bool:
    """Whether a job has the configuration of its environment as it is, without a teacher and the oracle's budget."""
    return job.source_kind in (None, "source") and (job.method is None or METHODS[job.method].budget == "target")


def _read(file: Path) -> Any:
    try:
        return load_yaml(file, GENERATED)
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None
