"""Every error of this package that a person, not a programmer, is meant to read, and what it says."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable
from typing import Any

__all__ = [
    "AgentsError",
    "CheckpointError",
    "DivergedError",
    "FrozenError",
    "PartsError",
    "PlanError",
    "bound",
    "is_number",
    "number_hint",
    "unknown_name",
]


_GROUPED = re.compile(r"(?<=\d)[,_' ](?=\d{3}(\D|$))")  # what people write between thousands
_MOST_EXACT = 2.0**53  # every whole number up to here is a float


def bound(text: str, most: int = 2_000) -> str:
    """Return `text`, the middle of it left out where it is longer than `most` characters; of a table the tenfold.

    Messages name values that come from files, and those may be as long as anybody likes.
    """
    most *= 10 if "\n" in text else 1
    if len(text) <= most:
        return text
    return f"{text[: most * 2 // 3]} ... {len(text) - most:,} characters left out ... {text[len(text) - most // 3 :]}"


class AgentsError(Exception):
    """An agent that cannot be built or used as asked; the message names value, rule and choices."""

    def __init__(self, message: str = "") -> None:
        """Keep the message, bounded."""
        super().__init__(bound(message))


class CheckpointError(AgentsError):
    """A bundle on disk, or a training state, that cannot be trusted: names the file and the reason."""


class DivergedError(AgentsError):
    """Losses, weights or a training state that are not finite: names the learner, the step and what it is."""


class PartsError(AgentsError):
    """Tensors that do not fit the parts of a policy: names what is missing, unexpected and mis-shaped."""


class FrozenError(AgentsError):
    """Something that was to stay as it is has moved, or was asked to move: names it."""


class PlanError(AgentsError):
    """A transfer plan that contradicts itself or the policy it is applied to."""


def unknown_name(kind: str, name: object, choices: Iterable[str]) -> str:
    """Return the message for a `name` that is none of `choices`, naming the nearest one first.

    Example: `unknown part 'encoders' (did you mean 'encoder'?); valid: encoder, log_std`.
    """
    valid = sorted(choices)
    close = difflib.get_close_matches(str(name), valid, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"unknown {kind} {name!r}{hint}; valid: {', '.join(valid) or 'none'}"


def is_number(value: Any) -> bool:
    """Return whether `value` is a finite number that fits a float; booleans are no numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def number_hint(value: Any, *, whole: bool = False) -> str:
    """Return how to write a number that YAML 1.1 reads as text, or as a fraction where a whole one is wanted.

    YAML 1.1 wants a point in the digits and a sign in the exponent, and no commas. Empty for what is no number, or no
    `whole` one. Example: ` (a text: write 1.0e-4)`.
    """
    text = _GROUPED.sub("", value) if isinstance(value, str) else value
    try:
        number = None if isinstance(value, bool) else float(text)
    except (TypeError, ValueError, OverflowError):
        return ""
    if number is None or not abs(number) <= (_MOST_EXACT if whole else sys.float_info.max):
        return ""
    if whole:
        kind = "a text" if isinstance(value, str) else "a fraction"
        return f" ({kind}: write {int(number)})" if number.is_integer() and not isinstance(value, int) else ""
    if not isinstance(value, str):
        return ""
    if text != value:
        return f" (a text: write {text.strip()})"
    digits, _, exponent = value.strip().lower().partition("e")
    if not exponent:
        return f" (a text: write {digits})"
    point, sign = "" if "." in digits else ".0", "" if exponent[0] in "+-" else "+"
    return f" (a text: write {digits}{point}e{sign}{exponent})"
