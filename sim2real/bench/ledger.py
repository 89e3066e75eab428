"""BenchLedger: how the jobs of a benchmark ended, written by all processes that share its folder."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from envs import bound

from ..errors import UserError
from ..files.files import read_json, write_json
from ..files.locking import working_on
from .grid import Job

__all__ = ["BenchLedger"]

_logger = logging.getLogger(__name__)


class BenchLedger:
    """The file ledger.json: a job's path -> status, error, and how many attempts have ended."""

    def __init__(self, root: Path) -> None:
        """Name the benchmark's folder; nothing is read yet."""
        self._root = root

    def read(self) -> dict[str, dict[str, Any]]:
        """Return how jobs ended last time; empty before the first. An entry that is none is left out, and that is said.

        Raises:
            UserError: when the file is damaged.
        """
        file = self._root / "ledger.json"
        ledger = read_json(file) if file.is_file() else {}
        if not isinstance(ledger, dict):
            raise UserError(f"{file}: damaged: expected how each job ended; remove it, finished jobs are found without")
        if odd := [name for name, row in ledger.items() if not isinstance(row, dict)]:
            _logger.warning("%s: damaged: %s: no entry of a job, left out", file, bound(", ".join(odd), 200))
        return {name: row for name, row in ledger.items() if name not in odd}

    def record(self, job: Job, error: str | None) -> None:
        """Write how a job ended: `error` is None if it finished."""
        with working_on(self._root):
            ledger = self.read()
            attempts = _attempts(ledger.get(job.path, {})) + 1
            ledger[job.path] = {"status": "failed" if error else "finished", "error": error, "attempts": attempts}
            write_json(self._root / "ledger.json", ledger)

    def failed_since(self, job: Job, before: dict[str, dict[str, Any]]) -> str | None:
        """Return why a job failed if an attempt ended after `before` was read; None if none did or it finished."""
        now = self.read().get(job.path, {})
        if now.get("status") != "failed" or _attempts(now) <= _attempts(before.get(job.path, {})):
            return None
        return str(now.get("error"))


def _attempts(row: dict[str, Any]) -> int:
    """Return how many attempts a row counts; those of earlier versions do not say."""
    found = row.get("attempts", 0)
    return found if isinstance(found, int) else 0
