"""Errors a person is meant to read: one message, exit code 2, no traceback."""

from __future__ import annotations

import errno

from agents import AgentsError
from envs import EnvsError, bound

__all__ = ["USER_ERRORS", "UserError", "explain"]


class UserError(Exception):
    """Something the user can mend; the message names file, key, value, rule and valid choices where they exist."""

    def __init__(self, message: str = "") -> None:
        """Keep the message, bounded."""
        super().__init__(bound(message))


USER_ERRORS: tuple[type[Exception], ...] = (UserError, EnvsError, AgentsError, OSError)

_REMEDIES = {
    errno.ENOSPC: "make room there and repeat the command, runs with --resume",
    errno.EDQUOT: "make room in your quota there and repeat the command, runs with --resume",
    errno.EFBIG: (
        "the file system, or the limit `ulimit -f`, takes no file of that size; raise it or choose another place, then "
        "repeat the command, runs with --resume"
    ),
    errno.EROFS: "choose a place that can be written to",
    errno.EACCES: "allow it, or choose another place",
    errno.ELOOP: "is a symbolic link and would be written through; replace it by what it points to, or remove it",
}


def explain(error: Exception) -> str:
    """Return the message of one of the USER_ERRORS; that of an OSError names the file and the remedy."""
    if not isinstance(error, OSError):
        return str(error)
    what = f"{error.strerror or error}"
    remedy = f"; {_REMEDIES[error.errno]}" if error.errno in _REMEDIES else ""
    return f"{error.filename}: {what}{remedy}" if error.filename else f"{what}{remedy}"
