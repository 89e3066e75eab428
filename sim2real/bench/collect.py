"""What a job's run directory says, as a RunRecord."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..records import RunRecord, Status
from ..run import RunDirectory
from .grid import Job

__all__ = ["collect_record"]

_DAMAGES = (UserError, ValueError, KeyError, TypeError, AttributeError)  # what a file that is not as written leads to


def collect_record(root: Path, job: Job, error: str | None) -> RunRecord:
    """Read the record of a transfer job; one that did not finish keeps the curve it has.

    Args:
        root: the benchmark's folder.
        job: a job with a target.
        error: why it failed, if the launcher knows.
    """
    run = RunDirectory(root / job.path)
    try:
        ledger, curve = run.ledger(), run.curve()
        source = RunDirectory(root / job.source).ledger() if job.source else {}
        return _record(job, ledger, curve, source, error)
    except _DAMAGES as damage:  # one bad run must not hide all others
        return _record(job, {}, [], {}, f"damaged: {damage}")


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
        steps=np.array([point["step"] for point in curve], np.int64),
        returns=np.array([point["return"] for point in curve], np.float64),
        return_sd=np.array([point["return_sd"] for point in curve], np.float64),
        source_return_before=ledger.get("source_return_before"),
        source_return_after=ledger.get("source_return_after"),
        source=job.source_kind,
        source_steps=source.get("steps", 0),
        companion_steps=ledger.get("source_steps", 0),
        # the ledger is as old as the last checkpoint: a run that died later has spent what its curve says
        target_steps=max([ledger.get("steps", 0), *(point["step"] for point in curve)]),
        eval_steps=max(ledger.get("eval_steps", 0), sum(point.get("eval_steps", 0) for point in curve)),
        eval_faults=sum(point.get("faults", 0) for point in curve),
        episodes=ledger.get("episodes", 0),
        falls=ledger.get("falls", 0),
        frozen_digest=_joint_digest(ledger.get("frozen_digests", {})),
        wall_seconds=ledger.get("wall_seconds", 0.0),
    )


def _joint_digest(digests: dict[str, Any]) -> str | None:
    if not digests:
        return None
    return hashlib.sha256("".join(f"{k}:{v}\n" for k, v in sorted(digests.items())).encode()).hexdigest()
