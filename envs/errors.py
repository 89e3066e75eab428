"""The one exception of this package that a person, not a programmer, is meant to read, and what it says."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["ArgumentError", "EnvsError", "bound", "is_number", "is_whole", "number_hint", "unknown_name"]


def bound(text: str, most: int = 2_000) -> str:
    """Return `text`, the middle of it left out where it is longer than `most` characters; of a table the tenfold.

    Messages name values that come from files, and those may be as long as anybody likes.
    """
    most *= 10 if "\n" in text else 1
    if len(text) <= most:
        return text
    return f"{text[: most * 2 // 3]} ... {len(text) - most:,} characters left out ... {text[len(text) - most // 3 :]}"


class EnvsError(ValueError):
    """A world, domain, shift or task that cannot be built as asked; the message says what would be valid."""

    def __init__(self, message: str = "") -> None:
        """Keep the message, bounded."""
        super().__init__(bound(message))


class ArgumentError(EnvsError, TypeError):
    """An argument that an environment does not have: a TypeError, as Python raises for an unknown keyword argument.

    Other libraries try keyword arguments and leave out what is refused by a TypeError.

    Attributes:
        argument: its name.
    """

    def __init__(self, message: str, argument: str = "") -> None:
        """Take the message alone too: Gymnasium raises the errors of environments anew, by their type and a text."""
        super().__init__(message)
        self.argument = argument


def unknown_name(kind: str, name: object, choices: Iterable[str]) -> EnvsError:
    """Return the error for a `name` that is none of `choices`, naming the nearest one first.

    Example: `unknown parameter 'body_mas' (did you mean 'body_mass'?); valid: body_mass, dof_damping`.
    """
    valid = sorted(choices)
    close = difflib.get_close_matches(str(name), valid, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return EnvsError(f"unknown {kind} {name!r}{hint}; valid: {', '.join(valid) or 'none'}")


def is_number(value: Any) -> bool:
    """Return whether `value` is a finite number that fits a float; booleans are no numbers."""
    plain = value.item() if isinstance(value, np.number) else value
    return isinstance(plain, int | float) and not isinstance(plain, bool) and abs(plain) <= sys.float_info.max


def is_whole(value: Any) -> bool:
    """Return whether `value` is a whole number; booleans are no numbers."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


_GROUPED = re.compile(r"(?<=\d)[,_' ](?=\d{3}(\D|$))")  # what people write between thousands


def number_hint(value: Any, *, whole: bool = False) -> str:
    """Return, for a text that looks like a number, how YAML 1.1 wants it written; else an empty string.

    YAML 1.1 reads `1e-4`, without point, as text, and a fraction where a `whole` number is wanted: 1.0e+3. Example:
    `: that is a text, write 1.0e-4`.
    """
    plain = _GROUPED.sub("", value) if isinstance(value, str) else value
    try:
        number = float(plain) if isinstance(value, str) or (whole and isinstance(value, float)) else None
    except ValueError:
        number = None
    if number is None:
        return ""
    if whole:
        kind = "text" if isinstance(value, str) else "fraction"
        return f": that is a {kind}, write {int(number)}" if number.is_integer() and abs(number) <= 2.0**53 else ""
    if plain != value:
        return f": that is a text, write {plain.strip()}"
    if not is_number(number) and any(letter.isdigit() for letter in value):
        return f": that is an infinite number, the largest is {sys.float_info.max:.2g}"
    if not is_number(number):  # inf, nan
        return (
            f": that is a text, write {'-' if value.strip().startswith('-') else ''}.{value.strip(' +-')[:3].lower()}"
        )
    digits, _, exponent = value.strip().lower().partition("e")
    digits += "" if "." in digits or not exponent else ".0"
    exponent = exponent if not exponent or exponent[0] in "+-" else f"+{exponent}"
    return f": that is a text, write {digits}{'e' if exponent else ''}{exponent}"
