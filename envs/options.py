"""Options of a task: what its signature allows, checked where they come in from configurations.

A task annotates its keyword options with `bool`, `float`, `NotNegative`, `Range` or `BodyRef`; from these follow what
may be given and what is said when something else is. YAML gives whole numbers for numbers and lists for ranges, so
both are taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Annotated, Any, NamedTuple

from .errors import ArgumentError, EnvsError, is_number, number_hint, unknown_name

__all__ = ["KINDS", "BodyRef", "Kind", "NotNegative", "Range", "merge_options", "read_options"]

NotNegative = Annotated[float, ">= 0"]
Range = tuple[float, float]
BodyRef = int | str


class Kind(NamedTuple):
    """What an annotation stands for: the rule in words, and `read`, which returns None for what breaks it."""

    rule: str
    read: Callable[[Any], Any]


def _read_float(value: Any) -> float | None:
    return float(value) if is_number(value) else None


def _read_not_negative(value: Any) -> float | None:
    return float(value) if is_number(value) and value >= 0 else None


def _read_bool(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _read_range(value: Any) -> Range | None:
    if not isinstance(value, list | tuple) or len(value) != 2 or not all(map(_is_end, value)):
        return None
    low, high = float(value[0]), float(value[1])
    return (low, high) if low < high else None


def _read_body(value: Any) -> int | str | None:
    if isinstance(value, str):
        return value or None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _is_end(value: Any) -> bool:
    return is_number(value) or (isinstance(value, float) and math.isinf(value))


KINDS: dict[Any, Kind] = {
    bool: Kind("true or false", _read_bool),
    float: Kind("a finite number", _read_float),
    NotNegative: Kind("a finite number >= 0", _read_not_negative),
    Range: Kind("two numbers [low, high] with low < high; without an end: -.inf, .inf", _read_range),
    BodyRef: Kind("a body's name or its index, 0 or more", _read_body),
}


def merge_options(options: Mapping[str, Any] | None, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a task that are given as a mapping and those given as keyword arguments, as one.

    The mapping is for options of any name, as those of a configuration: also for one that is called like an argument
    of the function that builds the worlds, such as `seed`.

    Raises:
        EnvsError: when an option is in both.
    """
    both = sorted((options or {}).keys() & keywords.keys())
    if both:
        raise EnvsError(f"option {both[0]!r}: given twice, in task_options and as a keyword argument")
    return {**(options or {}), **keywords}


def read_options(make: Callable[..., Any], options: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Check keyword options against the signature of the class `make`; return them as its annotations say.

    An annotation that is not in KINDS is the class's own business, as is everything if it takes any option.

    Args:
        make: the task's class.
        options: as in a configuration.
        owner: whose options they are, for errors.

    Raises:
        ArgumentError: for an option it does not have.
        EnvsError: naming option, value and rule.
    """
    parameters = signature(make, eval_str=True).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return dict(options)
    kinds = {parameter.name: parameter.annotation for parameter in parameters}
    read = {}
    for name, value in options.items():
        if name not in kinds:
            raise ArgumentError(str(unknown_name(f"option of {owner}", name, kinds)), name)
        kind = KINDS.get(kinds[name])
        read[name] = value if kind is None else kind.read(value)
        if kind is not None and read[name] is None:
            hint = "".join(map(number_hint, value if isinstance(value, list) else [value]))
            raise EnvsError(f"{name}: must be {kind.rule}, got {value!r}{hint} (option of {owner})")
    return read
