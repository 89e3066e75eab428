"""Regulariser: what keeps a phase near where it started, as data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...errors import PlanError, is_number, unknown_name

__all__ = ["Option", "Regulariser", "read_options"]


@dataclass(frozen=True)
class Regulariser:
    """A term that is added to the loss of a phase; `kind` is a name in REGULARISERS.

    `weight` is the coefficient before it, in units of the loss.
    """

    kind: str
    weight: float
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise PlanError on a weight that is not above 0."""
        if not is_number(self.weight) or not math.isfinite(self.weight) or self.weight <= 0:
            raise PlanError(f"regulariser {self.kind!r}: weight is {self.weight!r}, it must be above 0")


class Option(NamedTuple):
    """An option of a kind of regulariser: its default, what it must be in words, and whether a value is that."""

    default: Any
    rule: str
    is_met: Callable[[Any], bool]


def read_options(regulariser: Regulariser, known: Mapping[str, Option]) -> dict[str, Any]:
    """Return the regulariser's options with all defaults; PlanError on a name or value that cannot be."""
    for name, value in regulariser.options.items():
        if name not in known:
            raise PlanError(f"regulariser {regulariser.kind!r}: {unknown_name('option', name, known)}")
        if not known[name].is_met(value):
            raise PlanError(f"regulariser {regulariser.kind!r}: {name} is {value!r}: {known[name].rule}")
    return {name: option.default for name, option in known.items()} | dict(regulariser.options)
