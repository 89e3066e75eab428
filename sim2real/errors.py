"""Errors a person is meant to read: one message, exit code 2, no traceback."""

from __future__ import annotations

import errno
import traceback

from agents import AgentsError
from envs import EnvsError, bound

__all__ = ["USER_ERRORS", "UserError", "explain", "explain_exit"]


class UserError(Exception):
    """Something the user can correct; the message names file, key, value, rule and valid choices where they exist."""

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


def explain_exit(error: SystemExit) -> str | None:
    """Return which code has ended the process, where it is neither ours nor the command line's; else None.

    A task, an encoder or an environment that calls `sys.exit()` would end the command without a word.
    """
    frames = list(traceback.walk_tb(error.__traceback__))
    frame, line = frames[-1]
    if frame.f_globals.get("__name__", "").partition(".")[0] in ("sim2real", "typer", "click"):
        return None
    return (
        f"{frame.f_code.co_filename}, line {line}, in {frame.f_code.co_qualname}: ends the process by "
        f"SystemExit({error.code!r}); raise an error that says what is wrong, or end the episode"
    )
