"""Transfer: a source agent carried over to a target domain by a method, as a run of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agents import PlanRow

from ..config.space_map import SpaceMatch
from ..runs.progress import Reporter
from ..runs.run import RunDirectory
from .job import Transfer
from .preparation import prepare
from .run import TransferRun

__all__ = ["Transfer", "transfer"]


def transfer(
    job: Transfer,
    out: Path,
    *,
    resume: bool,
    num_threads: int,
    report: Reporter,
    show_plan: Callable[[list[PlanRow]], None],
    show_spaces: Callable[[SpaceMatch], None] | None = None,
) -> RunDirectory:
    """Carry out `job` into the folder `out`; continue it if `resume`.

    Args:
        job: what is carried where.
        out: the run's folder.
        resume: whether a run that is there is to be continued.
        num_threads: threads that step worlds; 0 all cores.
        report: receives progress.
        show_plan: shown the plan's table before anything trains.
        show_spaces: shown before that what is carried over between spaces that differ, if they do.

    Raises:
        UserError: when names, spaces or folders do not fit, or something on disk is damaged.
    """
    prepared = prepare(job, out, resume=resume, num_threads=num_threads)
    rows = prepared.agent.plan.table(prepared.agent.policy)
    run = RunDirectory.create(out, job.config, prepared.identity, resume=resume)
    match = prepared.source.match if prepared.source is not None else None
    if match is not None and show_spaces is not None:
        show_spaces(match)
    show_plan(rows)
    with run.working():
        if not run.complete:
            TransferRun(prepared, run, num_threads).carry_out(rows, report)
    prepared.close()
    return run
