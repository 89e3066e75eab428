"""A folder that one process works on at a time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .errors import UserError

if sys.platform != "win32":
    import fcntl

__all__ = ["working_on"]

_PATIENCE = 10.0  # s: as long as a process that was told to end may take


@contextmanager
def working_on(folder: Path) -> Iterator[None]:
    """Be the one process that works on `folder`, which exists; its file `.lock` is held meanwhile.

    Raises:
        UserError: when another one does and goes on doing so.
    """
    if sys.platform == "win32":
        yield  # two processes on one folder are not noticed there
        return
    with (folder / ".lock").open("wb") as lock:
        patience = time.monotonic() + _PATIENCE
        while not _take(lock):
            if time.monotonic() > patience:
                raise UserError(f"{folder}: another process is working on it; wait for it, or end it")
            time.sleep(0.1)
        yield  # closing the file lets go of the lock, and so does the end of the process, however it ends


def _take(lock: IO[bytes]) -> bool:
    """Take the lock if nobody else holds it."""
    if sys.platform != "win32":
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
