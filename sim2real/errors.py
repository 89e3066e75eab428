"""Errors a person is meant to read: one message, exit code 2, no traceback."""

from __future__ import annotations

from agents import AgentsError
from envs import EnvsError, bound

__all__ = ["USER_ERRORS", "UserError"]


class UserError(Exception):
    """Something the user can mend; the message names file, key, value, rule and valid choices where they exist."""

    def __init__(self, message: str = "") -> None:
        """Keep the message, bounded."""
        super().__init__(bound(message))


USER_ERRORS: tuple[type[Exception], ...] = (UserError, EnvsError, AgentsError, OSError)
