"""Every error of this package that a person, not a programmer, is meant to read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["AgentsError", "CheckpointError", "FrozenError", "PartsError", "PlanError", "unknown_name"]


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
