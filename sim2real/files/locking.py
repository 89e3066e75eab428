"""A folder that one process works on at a time: by a lock, or by a lease where the file system has no locks."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import UserError
from .lease import Lease, describe_owner, this_process
from .reading import parse_json

if sys.platform != "win32":
    import fcntl

__all__ = ["working_on"]

_PATIENCE = 10.0  # s: as long as a process that was asked to end may take
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)  # NFS, Lustre, FUSE


@contextmanager
def working_on(folder: Path, *, patience: float | None = None) -> Iterator[Callable[[], None]]:
    """Be the one process that works on `folder`, which exists; its file `.lock`, or `.lease`, says so meanwhile.

    Args:
        folder: what is worked on.
        patience: how long to wait for another process that does, s; None as long as an ending one may take.

    Yields:
        What raises UserError if this process has lost the folder to another one, which only a lease can.

    Raises:
        UserError: when another one does and goes on doing so.
    """
    patience = _PATIENCE if patience is None else patience
    with _open(folder / ".lock") as lock:
        if _is_taken(lock, folder, patience):
            with suppress(OSError):  # who it is serves a message only
                lock.truncate(0)
                lock.write(json.dumps(this_process()).encode())
            yield lambda: None  # closing the file lets go of the lock, and so does the end of the process
            return
    lease = Lease(folder / ".lease")
    lease.acquire(patience)
    try:
        yield lease.require
    finally:
        lease.release()


def _open(file: Path) -> io.FileIO:
    """Open a lock for reading and writing, as it is; what a symbolic link points to is not opened."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    return io.FileIO(os.open(file, flags, 0o666), "r+b")


def _is_taken(lock: io.FileIO, folder: Path, patience: float) -> bool:
    """Take the lock once nobody else has it; False where the file system has no locks.

    Raises:
        UserError: when another process keeps it.
    """
    if sys.platform == "win32":
        return False
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise UserError(
                    f"{folder}: another process{_owner(lock)} is working on it; wait for it, or end it"
                ) from None
            time.sleep(0.1)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return False
            raise
        else:
            return True


def _owner(lock: io.FileIO) -> str:
    """Return who has written that it has the lock, in words."""
    try:
        lock.seek(0)
        return describe_owner(parse_json(lock.read().decode("utf-8")))
    except (OSError, ValueError, AttributeError, RecursionError):
        return ""
