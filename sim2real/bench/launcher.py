"""Runs jobs on the local machine: one process a job, one job a core, torch with one thread each.

Other processes, here or on other machines, may run jobs of the same folder: a lease per job says whose it is.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
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
from .claims import Claims
from .grid import Job
from .worker import work

__all__ = ["Outcome", "require_main_guard", "run_jobs"]

_UNGUARDED = 78  # exit code of a process that was about to begin the benchmark again
_LOOK_EVERY = 0.5  # s between looks at the jobs that other processes have
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How a job ended: `error` is None if it finished; `elsewhere`: in another process that shares the folder."""

    job: Job
    error: str | None
    elsewhere: bool = False


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
    ended_elsewhere: Callable[[Job], Outcome | None] = lambda job: None,
) -> None:
    """Run all jobs; each starts once its source run has finished, and once no other process works on it.

    Jobs that other processes have are waited for. Those of a process that ends without finishing them are taken over.

    Args:
        jobs: in the order they are to start.
        root: the benchmark's folder.
        board: where progress is shown.
        ended: called with every job's outcome, as soon as it is known. A job whose source failed fails with it.
        num_processes: jobs at once; 0 means one per core this process may use.
        code: environment -> the modules its configuration names; others are not loaded.
        ended_elsewhere: called with a job before it starts; its outcome if another process has been through with it.

    Raises:
        UserError: when the calling script has no main guard.
        KeyboardInterrupt: after Ctrl-C, when all processes have been ended; every run can be continued.
    """
    _Launcher(list(jobs), root, board, ended, num_processes or available_cores(), code, ended_elsewhere).run()


class _Launcher:
    """The jobs that wait, those that run here, and the leases on these."""

    def __init__(
        self,
        queue: list[Job],
        root: Path,
        board: ProgressBoard,
        ended: Callable[[Outcome], None],
        most: int,
        code: Mapping[str, Code],
        ended_elsewhere: Callable[[Job], Outcome | None],
    ) -> None:
        self._queue, self._root, self._board, self._most, self._code = queue, root, board, most, code
        self._ended, self._ended_elsewhere = ended, ended_elsewhere
        self._unfinished = {job.path for job in queue}
        self._failed: dict[str, str] = {}
        self._running: dict[Connection, _Running] = {}
        self._claims, self._context = Claims(root), _context()
        self._look_at = 0.0  # when jobs that others may have are looked at next, s
        self._waits = False

    def run(self) -> None:
        """Run until every job has ended."""
        try:
            while self._queue or self._running:
                self._fail_with_sources()
                if time.monotonic() >= self._look_at:
                    self._look_at = time.monotonic() + _LOOK_EVERY
                    self._start_ready()
                if self._running:
                    self._listen()
                    self._drop_lost()
                elif self._queue:
                    self._wait_for_others()
        finally:
            for entry in self._running.values():
                entry.process.terminate()
            for entry in self._running.values():
                entry.process.join()
            self._claims.release_all()

    def _fail_with_sources(self) -> None:
        for job in list(self._queue):
            if (problem := self._failed.get(job.source or "")) is not None:
                self._queue.remove(job)
                self._end(Outcome(job, f"its source agent failed ({job.source}): {problem}"))

    def _start_ready(self) -> None:
        """Start what can be started and nobody else works on; what another process has been through with ends here."""
        for job in [job for job in self._queue if job.source not in self._unfinished]:
            if len(self._running) >= self._most:
                return
            if not self._claims.take(job):
                continue
            self._queue.remove(job)
            if (outcome := self._ended_elsewhere(job)) is not None:
                self._end(outcome)
                self._claims.release(job)
                continue
            if owner := self._claims.predecessor(job):
                self._board.count(f"{job.name}: taken over, as another process{owner} has ended", done=0)
            connection, process = _start(self._context, job, self._root, self._code.get(job.environment, {}))
            self._running[connection] = _Running(job, process, self._board.job(job.name))

    def _wait_for_others(self) -> None:
        """Wait until jobs are looked at again; nothing runs here, and all that is left is another process's."""
        if time.monotonic() >= self._look_at:
            return
        if not self._waits:
            self._waits = True
            self._board.count(f"other processes work on what is left ({len(self._queue)}); waiting for them", done=0)
        time.sleep(max(self._look_at - time.monotonic(), 0.0))

    def _listen(self) -> None:
        """Take what running jobs send, for as long as jobs of others need not be looked at."""
        for connection in wait(list(self._running), timeout=_LOOK_EVERY):
            job = self._running[connection].job  # type: ignore[index]
            outcome = _receive(connection, self._running)  # type: ignore[arg-type]
            if outcome is not None:
                self._end(outcome)
                self._claims.release(job)

    def _drop_lost(self) -> None:
        """End jobs that another process has taken over; they wait for it."""
        for connection, entry in list(self._running.items()):
            if self._claims.lost(entry.job):
                del self._running[connection]
                entry.process.terminate()
                entry.process.join()
                connection.close()
                entry.progress.close()
                self._claims.release(entry.job)
                self._queue.append(entry.job)
                self._board.count(f"{entry.job.name}: another process has taken it over", done=0)

    def _end(self, outcome: Outcome) -> None:
        self._unfinished.discard(outcome.job.path)
        if outcome.error is not None:
            self._failed[outcome.job.path] = outcome.error.splitlines()[-1]
        self._look_at = 0.0
        self._ended(outcome)


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
