"""Every error of this package that a person, not a programmer, is meant to read, and what it says."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from typing import Any

__all__ = [
    "AgentsError",
    "CheckpointError",
    "FrozenError",
    "PartsError",
    "PlanError",
    "is_number",
    "number_hint",
    "unknown_name",
]


class AgentsError(Exception):
    """An agent that cannot be built or used as asked; the message names value, rule and choices."""


class CheckpointError(AgentsError):
    """A bundle on disk, or a training state, that cannot be trusted: names the file and the reason."""


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
    """Tell whether `value` is a finite number that fits a float; booleans are no numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def number_hint(value: Any) -> str:
    """Return, for a text that is a number to everyone but YAML 1.1, how to write it; else an empty string.

    YAML 1.1 wants a point in the digits and a sign in the exponent. Example: ` (a text: write 1.0e-4)`.
    """
    try:
        finite = isinstance(value, str) and abs(float(value)) <= sys.float_info.max
    except ValueError:
        return ""
    if not finite:
        return ""
    digits, _, exponent = value.strip().lower().partition("e")
    if not exponent:
        return f" (a text: write {digits})"
    point, sign = "" if "." in digits else ".0", "" if exponent[0] in "+-" else "+"
    return f" (a text: write {digits}{point}e{sign}{exponent})"
