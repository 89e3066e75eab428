"""What a job's run directory says: whether it is the job's, how it went, and what made it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from ..config.config import content_digest
from ..errors import USER_ERRORS, UserError
from ..files.differences import describe_differences
from ..runs.run import RunDirectory
from ..stats.records import RunRecord, Status
from .grid import Job

__all__ = ["collect_record", "has_finished", "made_with"]

# What a file that is not as it was written leads to: wrong types, missing keys, numbers and nestings without bound.
_DAMAGES: tuple[type[Exception], ...] = (
    *USER_ERRORS,
    *(ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError, MemoryError),
)
_LONGEST = 500  # characters of a reason: what is damaged may be long


def collect_record(root: Path, job: Job, error: str | None) -> RunRecord:
    """Read the record of a transfer job; one that did not finish keeps the curve it has.

    Args:
        root: the benchmark's folder.
        job: a job with a target.
        error: why it failed, if the launcher knows.
    """
    error = error if error is None or isinstance(error, str) else repr(error)
    try:
        run = _open_own(root, job)
        ledger, curve = (run.ledger(), run.curve()) if run is not None else ({}, [])
        source = RunDirectory(root / job.source).ledger() if job.source else {}
        return _record(job, ledger, curve, source, error)
    except _DAMAGES as damage:  # one bad run must not hide all others
        reason = f"{damage}" if isinstance(damage, UserError | ValueError) else f"{type(damage).__name__}: {damage}"
        return _record(job, {}, [], {}, f"damaged, or another's: {reason}"[:_LONGEST])


def has_finished(root: Path, job: Job) -> bool:
    """Return whether a job's run is at its end; one that is damaged or another's is not: running the job says so."""
    try:
        run = _open_own(root, job)
        return run is not None and run.complete
    except _DAMAGES:
        return False


def made_with(root: Path, job: Job) -> dict[str, str]:
    """Return package -> version of a job's run; empty where it never began, is another's, or does not say."""
    try:
        run = _open_own(root, job)
        versions = run.manifest().get("versions") if run is not None else None
    except _DAMAGES:
        return {}
    found = versions if isinstance(versions, dict) else {}
    return {name: version for name, version in found.items() if isinstance(version, str)}


def _open_own(root: Path, job: Job) -> RunDirectory | None:
    """Return a job's run; None where it never began.

    Raises:
        UserError: when the folder holds no run, that of another configuration, seed, target or method, or one that
            began from another source agent than lies there.
    """
    path = root / job.path
    if not path.is_dir() or not any(path.iterdir()):
        return None
    run = RunDirectory.open(path)
    held = run.manifest()
    wanted = {"config": content_digest(job.config), "seed": job.seed, "target": job.target, "method": job.method}
    if any(held.get(key) != value for key, value in wanted.items()):
        there = {**{key: held.get(key) for key in wanted}, "config": run.content()}
        found = describe_differences(there, {**wanted, "config": job.config})
        raise UserError(f"{run.path}: the run there differs from this job's in {found}; move it away")
    if job.source is not None and run.finished:
        before = run.ledger().get("source_return_before")
        now = RunDirectory(root / job.source).ledger().get("source_return")
        if None not in (before, now) and before != now:
            raise UserError(
                f"{run.path}: began from a source agent of return {before}, {job.source} has {now}; move it away"
            )
    return run


def _record(
    job: Job, ledger: dict[str, Any], curve: list[dict[str, Any]], source: dict[str, Any], error: str | None
) -> RunRecord:
    finished = ledger.get("status") == "finished"
    status: Status = "finished" if finished else "failed" if error else "missing"
    return RunRecord(
        env=job.environment,
        target=job.target or "",
        method=job.method or "",
        seed=job.seed,
        status=status,
        error=None if finished else error,
        steps=_column(curve, "step"),
        returns=_column(curve, "return"),
        return_sd=_column(curve, "return_sd"),
        source_return_before=ledger.get("source_return_before"),
        source_return_after=ledger.get("source_return_after"),
        source=job.source_kind,
        source_steps=source.get("steps", 0),
        companion_steps=ledger.get("source_steps", 0),
        # the ledger is as old as the last checkpoint: a run that died later has spent what its curve says
        target_steps=max([ledger.get("steps", 0), *(point["step"] for point in curve)]),
        eval_steps=max(ledger.get("eval_steps", 0), sum(point.get("eval_steps", 0) for point in curve)),
        eval_faults=sum(point["faults"] for point in curve) if all("faults" in point for point in curve) else None,
        episodes=ledger.get("episodes", 0),
        falls=ledger.get("falls", 0),
        frozen_digest=_joint_digest(ledger.get("frozen_digests", {})),
        wall_seconds=ledger.get("wall_seconds", 0.0),
    )


def _column(curve: list[dict[str, Any]], key: str) -> np.ndarray[Any, Any]:
    """Return what all evaluations say of `key`; numpy would take true and false for numbers."""
    values = [point[key] for point in curve]
    if any(isinstance(value, bool) for value in values):
        raise ValueError(f"curve.jsonl: {key} must be a number, is true or false")
    return np.array(values)


def _joint_digest(digests: dict[str, Any]) -> str | None:
    if not digests:
        return None
    return hashlib.sha256("".join(f"{k}:{v}\n" for k, v in sorted(digests.items())).encode()).hexdigest()
