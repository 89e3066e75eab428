"""The one exception of this package that a person, not a programmer, is meant to read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["EnvsError", "unknown_name"]


class EnvsError(ValueError):
    """A world, domain, shift or task that cannot be built as asked; the message says what would be valid."""


def unknown_name(kind: str, name: object, choices: Iterable[str]) -> EnvsError:
    """Return the error for a `name` that is none of `choices`, naming the nearest one first.

    Example: `unknown parameter 'body_mas' (did you mean 'body_mass'?); valid: body_mass, dof_damping`.
    """
    valid = sorted(choices)
    close = difflib.get_close_matches(str(name), valid, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return EnvsError(f"unknown {kind} {name!r}{hint}; valid: {', '.join(valid) or 'none'}")
