"""Rules of settings, and the errors that name value, rule and choices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from gymnasium import spaces

from ..errors import AgentsError, is_number, number_hint, unknown_name

__all__ = [
    "is_whole",
    "require",
    "require_bounded_actions",
    "require_choice",
    "require_known",
    "require_names",
    "require_widths",
]


def require(owner: object, name: str, rule: str, is_met: Callable[[Any], bool]) -> None:
    """Raise AgentsError unless the number `name` of `owner` keeps the rule."""
    value = getattr(owner, name)
    if not is_number(value) and is_met is not is_whole:
        raise AgentsError(f"{name} is {value!r}: it must be a finite number{number_hint(value)}")
    if not is_met(value):
        raise AgentsError(f"{name} is {value!r}: {rule}{number_hint(value, whole=True) if 'whole' in rule else ''}")


def is_whole(value: Any) -> bool:
    """Return whether `value` is a whole number of at least 1; booleans are no numbers."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def require_bounded_actions(learner: str, space: spaces.Space[Any]) -> spaces.Box:
    """Return `space` if it is a Box of one bounded axis; AgentsError naming space and rule if not."""
    if not isinstance(space, spaces.Box) or len(space.shape) != 1 or not space.is_bounded():
        raise AgentsError(f"{learner} acts by one bounded vector (a Box of one axis with finite bounds), not {space}")
    return space


def require_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Raise AgentsError unless `value` is one of `choices`."""
    if value not in choices:
        raise AgentsError(unknown_name(name, value, choices))


def require_widths(name: str, value: Any) -> tuple[int, ...]:
    """Return layer widths as a tuple; AgentsError unless they are whole numbers of at least 1."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(is_whole(width) for width in value):
        found = value if isinstance(value, list) else [value]
        hint = "".join(number_hint(width, whole=True) for width in found)
        raise AgentsError(
            f"{name} is {value!r}: it must be a list of layer widths, each a whole number of at least 1{hint}"
        )
    return tuple(value)


def require_names(name: str, value: Any) -> tuple[str, ...]:
    """Return names as a tuple; AgentsError unless they are texts, each once."""
    listed = isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(v, str) for v in value)
    if not listed or len(set(value)) < len(value):
        raise AgentsError(f"{name} is {value!r}: it must be a list of names, each once")
    return tuple(value)


def require_known(cls: type[Any], mapping: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return `mapping` as a dict; AgentsError if it is none or a key is no field of `cls`."""
    names = [entry.name for entry in fields(cls)]
    if not isinstance(mapping, Mapping):
        raise AgentsError(f"{kind}s are {mapping!r}: expected a mapping with keys of {', '.join(names)}")
    for key in mapping:
        if key not in names:
            raise AgentsError(unknown_name(kind, key, names))
    return dict(mapping)
