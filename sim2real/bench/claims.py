"""Claims: who works on which job of a benchmark's folder, a lease per job, so that several machines can share it.

A lease is a file, on any file system that the machines share; who takes one is known by it, and who has ended without
giving one back does not renew it. See `files.lease`.
"""

from __future__ import annotations

from pathlib import Path

from ..files.lease import Lease, describe_owner
from .grid import Job

__all__ = ["FOLDER", "Claims"]

FOLDER = "leases"  # in the benchmark's


class Claims:
    """The jobs that this process works on, and what it has seen of those that others work on."""

    def __init__(self, root: Path) -> None:
        """Name the benchmark's folder; nothing is written."""
        self._folder = root / FOLDER
        self._taken: dict[str, Lease] = {}
        self._watched: dict[str, Lease] = {}

    def take(self, job: Job) -> bool:
        """Take a job that nobody works on, or whose process has ended; return whether it is this process's now."""
        lease = self._watched.setdefault(job.path, Lease(self._folder / job.path.replace("/", "+")))
        self._folder.mkdir(exist_ok=True)
        if not lease.attempt():
            return False
        self._taken[job.path] = self._watched.pop(job.path)
        return True

    def predecessor(self, job: Job) -> str:
        """Return in words which process had a taken job and has ended; empty where it was free."""
        lease = self._taken[job.path]
        return describe_owner(lease.predecessor) or " (it does not say which)" if lease.predecessor else ""

    def lost(self, job: Job) -> bool:
        """Return whether another process has taken over a job of this one's, as after this machine was suspended."""
        return self._taken[job.path].lost.is_set()

    def release(self, job: Job) -> None:
        """Give a job back, finished or not."""
        self._taken.pop(job.path).release()

    def release_all(self) -> None:
        """Give all jobs back."""
        while self._taken:
            self._taken.popitem()[1].release()
