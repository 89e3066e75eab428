"""The one exception of this package that a person, not a programmer, is meant to read, and what it says."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["EnvsError", "is_number", "number_hint", "unknown_name"]


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


def is_number(value: Any) -> bool:
    """Tell whether `value` is a finite number that fits a float; booleans are no numbers."""
    plain = value.item() if isinstance(value, np.number) else value
    return isinstance(plain, int | float) and not isinstance(plain, bool) and abs(plain) <= sys.float_info.max


def number_hint(value: Any) -> str:
    """Return, for a text that looks like a number, how YAML 1.1 wants it written; else an empty string.

    YAML 1.1 reads `1e-4`, without point, as text. Example: `: that is a text, write 1.0e-4`.
    """
    try:
        number = float(value) if isinstance(value, str) else None
    except ValueError:
        number = None
    if number is None:
        return ""
    if not is_number(number):  # inf, nan
        return (
            f": that is a text, write {'-' if value.strip().startswith('-') else ''}.{value.strip(' +-')[:3].lower()}"
        )
    digits, _, exponent = value.strip().lower().partition("e")
    digits += "" if "." in digits or not exponent else ".0"
    exponent = exponent if not exponent or exponent[0] in "+-" else f"+{exponent}"
    return f": that is a text, write {digits}{'e' if exponent else ''}{exponent}"
