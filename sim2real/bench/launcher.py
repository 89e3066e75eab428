"""Runs jobs on the local machine: one process a job, one job a core, torch with one thread each."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import MappingProxyType
from typing import Any

from envs import available_cores

from ..config.user_code import Code
from ..errors import UserError
from ..runs.progress import JobProgress, ProgressBoard
from .grid import Job
from .worker import work

__all__ = ["Outcome", "require_main_guard", "run_jobs"]

_UNGUARDED = 78  # exit code of a process that was about to begin the benchmark again
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How a job ended: `error` is None if it finished."""

    job: Job
    error: str | None


@dataclass
class _Running:
    job: Job
    process: BaseProcess
    progress: JobProgress


def run_jobs(
    jobs: Iterable[Job],
    root: Path,
    board: ProgressBoard,
    ended: Callable[[Outcome], None],
    num_processes: int = 0,
    code: Mapping[str, Code] = MappingProxyType({}),
) -> None:
    """Run all jobs; each starts once its source run has finished.

    Args:
        jobs: in the order they are to start.
        root: the benchmark's folder.
        board: where progress is shown.
        ended: called with every job's outcome, as soon as it is known. A job whose source failed fails with it.
        num_processes: jobs at once; 0 means one per core this process may use.
        code: environment -> the modules its configuration names; others are not loaded.

    Raises:
        UserError: when the calling script has no main guard.
        KeyboardInterrupt: after Ctrl-C, when all processes have been ended; every run can be continued.
    """
    queue, failed = list(jobs), dict[str, str]()
    unfinished = {job.path for job in queue}
    running: dict[Connection, _Running] = {}
    context = _context()
    try:
        while queue or running:
            for job in list(queue):
                if (problem := failed.get(job.source or "")) is not None:
                    queue.remove(job)
                    ended(Outcome(job, f"its source agent failed ({job.source}): {problem}"))
            ready = [job for job in queue if job.source not in unfinished]
            while ready and len(running) < (num_processes or available_cores()):
                job = ready.pop(0)
                queue.remove(job)
                connection, process = _start(context, job, root, code.get(job.environment, {}))
                running[connection] = _Running(job, process, board.job(job.name))
            if not running:  # what was left has failed with its source
                continue
            for ready_connection in wait(list(running)):
                outcome = _receive(ready_connection, running)  # type: ignore[arg-type]
                if outcome is not None:
                    unfinished.discard(outcome.job.path)
                    if outcome.error is not None:
                        failed[outcome.job.path] = outcome.error.splitlines()[-1]
                    ended(outcome)
    finally:
        for entry in running.values():
            entry.process.terminate()
        for entry in running.values():
            entry.process.join()


def require_main_guard() -> None:
    """End this process if it is one of a benchmark's that has not begun its job, and only imports the user's script.

    Then that script calls `Bench.run` without a main guard; the launcher finds the exit code and says so.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # as multiprocessing itself asks
        os._exit(_UNGUARDED)


def _context() -> Any:
    """Return how processes are started: forked from a server that has imported torch once, where that exists.

    `torch._dynamo` is named because torch imports it, two seconds, when a process makes its first optimizer.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["sim2real.bench.worker", "torch._dynamo"])
    return context


def _start(context: Any, job: Job, root: Path, code: Code) -> tuple[Connection, BaseProcess]:
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(job.to_mapping(), str(root), sender, dict(code)), daemon=True)
    process.start()
    sender.close()  # so that the pipe closes with the process, however that ends
    return receiver, process


def _receive(connection: Connection, running: dict[Connection, _Running]) -> Outcome | None:
    """Take one message; return the outcome if it was the job's last."""
    entry = running[connection]
    try:
        message = connection.recv()
    except EOFError:
        message = None
    if message is not None and len(message) == 1:
        _logger.warning("%s: %s", entry.job.name, *message)
        return None
    if message is not None and len(message) == 3:
        entry.progress(*message)
        return None
    del running[connection]
    connection.close()
    entry.process.join()
    entry.progress.close()
    if message is None and entry.process.exitcode == _UNGUARDED:
        raise UserError(
            "Bench.run: its processes import the script that called it, and would begin the benchmark again; call it "
            'below `if __name__ == "__main__":`'
        )
    if message is None:
        return Outcome(entry.job, f"its process died (exit code {entry.process.exitcode})")
    finished, error = message
    return Outcome(entry.job, None if finished else error)
