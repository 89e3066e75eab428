"""What happens in the process of one job."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ..config.config import RunConfig, validate
from ..config.user_code import Code, use_code
from ..errors import USER_ERRORS, explain, explain_exit
from ..files.files import require_plain
from ..runs.pretraining import pretrain
from ..runs.run import RunDirectory
from ..transfer.transfer import Transfer, transfer
from .grid import Job

__all__ = ["work"]

_REPORT_EVERY = 0.2  # s: often enough for a bar, too seldom to cost anything


def work(content: Mapping[str, Any], root: str, connection: Connection, code: Code) -> None:
    """Carry out a job; send (done, total, text) and (notice,) while it runs, and (ok, message) at its end.

    Modules are those of `code`, and no others.

    Ctrl-C is for the launcher, which ends its workers; a run can be ended at any moment.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_launcher, daemon=True).start()
    logging.getLogger("sim2real").addHandler(_Notices(connection))
    try:
        _carry_out(Job(**content), code, Path(root), _Sender(connection))
        connection.send((True, ""))
    except USER_ERRORS as error:
        connection.send((False, explain(error)))
    except SystemExit as error:
        connection.send((False, explain_exit(error) or f"exit {error.code}"))
    except Exception:  # whatever it is, it belongs into the report and not only onto a screen
        connection.send((False, traceback.format_exc(limit=-3).strip()))
    finally:
        connection.close()


def _end_with_launcher() -> None:
    """End this process when the launcher is gone, even if it was killed: nobody waits for the result any more."""
    launcher = multiprocessing.parent_process()
    if launcher is not None:
        launcher.join()
        os._exit(1)


def _carry_out(job: Job, code: Code, root: Path, report: _Sender) -> None:
    use_code(code)
    config = validate(RunConfig, job.config, job.name, {"code": code})
    assert isinstance(config, RunConfig)
    out = root / job.path
    for folder in reversed(out.relative_to(root).parents[:-1]):
        require_plain(root, [str(folder)], below=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    if job.target is None or job.method is None:
        pretrain(config, out, resume=True, num_threads=1, report=report)
        return
    source = RunDirectory.open(root / job.source, approved=code) if job.source is not None else None
    carried = Transfer(config, source, job.target, job.method)
    transfer(carried, out, resume=True, num_threads=1, report=report, show_plan=lambda rows: None)


class _Notices(logging.Handler):
    """Sends what the suite has to say beside its results to the launcher."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(logging.WARNING)
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        self._connection.send((record.getMessage(),))


class _Sender:
    """A Reporter that sends to the launcher, not more often than it can be read."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._last = connection, 0.0

    def __call__(self, done: int, total: int, text: str) -> None:
        """Send progress if the last message is a while ago."""
        if time.monotonic() - self._last >= _REPORT_EVERY:
            self._last = time.monotonic()
            self._connection.send((done, total, text))
