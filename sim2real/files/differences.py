"""Where two configurations differ, key by key: what is shown in place of two digests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["describe_differences"]

_SHOWN = 5  # differences; more of them say that these are two different things altogether
_WIDTH = 60  # characters of a value
_ABSENT = object()


def describe_differences(one: Any, other: Any, names: tuple[str, str] = ("there", "asked")) -> str:
    """Return `key: there 1, asked 2; ...` for the entries of nested mappings and lists that differ.

    Both sides are called by their `names`; without a difference the text is empty.
    """
    found = [f"{key}: {names[0]} {_short(a)}, {names[1]} {_short(b)}" for key, a, b in _differences(one, other, "")]
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "; ".join(found[:_SHOWN]) + more


def _differences(one: Any, other: Any, key: str) -> list[tuple[str, Any, Any]]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        names = dict.fromkeys([*other, *one])
        pairs = [(f"{key}.{name}".lstrip("."), one.get(name, _ABSENT), other.get(name, _ABSENT)) for name in names]
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        pairs = [(f"{key}[{i}]", *pair) for i, pair in enumerate(zip(one, other, strict=True))]
    else:
        return [] if type(one) is type(other) and one == other else [(key, one, other)]
    return [found for place, a, b in pairs for found in _differences(a, b, place)]


def _short(value: Any) -> str:
    text = "nothing" if value is _ABSENT else repr(value)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."
