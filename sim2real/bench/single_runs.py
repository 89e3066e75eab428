"""Results of transfers that were run one by one, as a benchmark's: so they have the same report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import USER_ERRORS, UserError
from ..methods import DEFAULT_METHODS, METHODS
from ..runs.run import RunDirectory
from ..stats.records import TEACHER, BenchResults, RunRecord
from ..versions import join_versions
from .collect import collect_record, made_with
from .grid import Job

__all__ = ["is_run", "results_of_runs"]

_FRACTION = 0.5  # of the way from an untrained agent to the source agent, as a benchmark's default


def is_run(path: Path) -> bool:
    """Return whether `path` is the folder of a run."""
    return (path / "manifest.json").is_file()


def results_of_runs(paths: Sequence[Path]) -> BenchResults:
    """Return what the runs in the folders `paths` have measured.

    Pretrainings among them are the sources of those transfers that began from their agents: their steps count.

    Args:
        paths: folders of runs, at least one of them a transfer.

    Raises:
        UserError: when none is a transfer, or two are the same job.
    """
    runs = {path: RunDirectory.open(path) for path in dict.fromkeys(path.resolve() for path in paths)}
    manifests = {path: run.manifest() for path, run in runs.items()}
    transfers = [path for path, manifest in manifests.items() if manifest.get("kind") == "transfer"]
    if not transfers:
        names = ", ".join(map(str, paths))
        raise UserError(f"{names}: a report is of transfers, these are source agents; name runs that began from them")
    digests = {_digest(run): path for path, run in runs.items() if path not in transfers}
    jobs = {path: _job(path, runs[path], manifests[path], digests) for path in transfers}
    jobs = _told_apart(jobs, manifests)
    records = [_record(job) for job in jobs.values()]
    _require_distinct(jobs)
    content = {path.name: jobs[path].config for path in jobs}
    methods = list(dict.fromkeys(record.method for record in records))
    usual = [name for name in (*DEFAULT_METHODS.values(), *methods) if name in methods]
    default = next((name for name in usual if name not in ("scratch", "oracle", "zero_shot")), methods[0])
    return BenchResults(
        ", ".join(path.name for path in jobs)[:80],
        tuple(records),
        {"runs": content},
        join_versions(made_with(Path("/"), job) for job in jobs.values()),
        _FRACTION,
        default,
        datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _digest(run: RunDirectory) -> str:
    """Return the digest of a source agent; that of the folder's name where it has none (yet)."""
    try:
        return run.final().digest
    except USER_ERRORS:
        return str(run.path)


def _job(path: Path, run: RunDirectory, manifest: Mapping[str, Any], digests: Mapping[str, Path]) -> Job:
    """Return the job that a run would be of a benchmark at the root of the file system."""
    content = run.content()
    texts = {key: str(manifest.get(key)) for key in ("target", "method")}
    source = digests.get(str(manifest.get("parent")))
    seed = manifest.get("seed")
    return Job(
        str(content.get("env")),
        seed if isinstance(seed, int) else 0,
        texts["target"],
        texts["method"],
        content,
        str(path),
        None if source is None else str(source),
    )


def _told_apart(jobs: Mapping[Path, Job], manifests: Mapping[Path, Mapping[str, Any]]) -> dict[Path, Job]:
    """Return the jobs with the severity in the names of targets that are called the same and are not."""
    domains: dict[tuple[str, str | None], list[Any]] = {}
    for path, job in jobs.items():
        known = domains.setdefault((job.environment, job.target), [])
        if (domain := manifests[path].get("target_domain")) not in known:
            known.append(domain)
    return {
        path: job if len(domains[job.environment, job.target]) == 1 else replace(job, target=_with_severity(job))
        for path, job in jobs.items()
    }


def _with_severity(job: Job) -> str:
    targets = job.config.get("targets")
    target = targets.get(job.target) if isinstance(targets, Mapping) else None
    severity = target.get("severity") if isinstance(target, Mapping) else None
    return f"{job.target} {severity:g}" if isinstance(severity, int | float) else f"{job.target} {Path(job.path).name}"


def _require_distinct(jobs: Mapping[Path, Job]) -> None:
    """Raise UserError where two runs are the same job: a table has one place for both."""
    seen: dict[tuple[Any, ...], Path] = {}
    for path, job in jobs.items():
        key = (job.environment, job.target, job.method, job.seed)
        if (other := seen.setdefault(key, path)) != path:
            raise UserError(f"{other} and {path}: both are {job.name}; leave one out")


def _record(job: Job) -> RunRecord:
    """Return the record of a run; a manifest holds the target's own name."""
    own = str(RunDirectory(Path(job.path)).manifest().get("target"))
    record = collect_record(Path("/"), replace(job, target=own), None)
    method = METHODS.get(job.method or "")
    kind = None if method is None or not method.needs_source else TEACHER if method.needs_teacher else "source"
    return replace(record, target=job.target or "", source=kind)
