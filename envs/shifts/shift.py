"""Shift: a named way to leave the nominal world."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..domain.domain import Domain
from ..errors import EnvsError, is_number, unknown_name

__all__ = ["Parameters", "Shift", "nearest_count"]

Parameters = Callable[[float], Mapping[str, Any]]
"""severity -> the `parameters` of a domain"""


def nearest_count(x: float) -> int:
    """Return the integer nearest to `x`, halves upward, so that equal steps of a severity are equal steps of it."""
    return math.floor(x + 0.5)


@dataclass(frozen=True)
class Shift:
    """A family of target domains, ordered by severity; severity 0 is the nominal world.

    Attributes:
        summary: one line: what differs, and what the severity counts.
        severity: the default.
        parameters: severity -> the `parameters` of a domain; where they differ by environment, the environment's
            name -> those, and such a shift matches nothing in other environments.
        highest: largest severity that makes sense.
        levels: names of severities, from the mildest.
        integer: whether only whole severities exist, as with steps of delay.
        resolution: severities nearer to each other than this may be the same world; 0: no two are.
    """

    summary: str
    severity: float
    parameters: Parameters | Mapping[str, Parameters]
    highest: float = float("inf")
    levels: Mapping[str, float] = field(default_factory=dict)
    integer: bool = False
    resolution: float = 0.0

    def domain(self, severity: float | str | None = None, env: str | None = None) -> Domain:
        """Return the target domain at nominal fidelity.

        Args:
            severity: a number, the name of a level, or None for the default.
            env: the environment it is for; only shifts that differ by environment ask for it.

        Raises:
            EnvsError: when the severity is negative, above the highest, no level or not whole where it must be, or
                when the shift matches nothing in the environment.
        """
        number = self.number(severity)
        return Domain.parse({"parameters": self._parameters(env)(number)})

    def number(self, severity: float | str | None = None) -> float:
        """Return the severity as a number: that of a level, or of the default if None.

        Raises:
            EnvsError: as `domain` does for the severity.
        """
        if isinstance(severity, str):
            if severity not in self.levels:
                raise EnvsError(f"severity: {unknown_name('level', severity, self.levels)}; or a number")
            severity = self.levels[severity]
        number = self.severity if severity is None else severity
        if not is_number(number) or not 0 <= number <= self.highest:
            raise EnvsError(f"severity: must be >= 0 and <= {self.highest:g}, got {number}")
        if self.integer and number != int(number):
            raise EnvsError(f"severity: counts whole steps; must be an integer, got {number:g}")
        return number

    def _parameters(self, env: str | None) -> Parameters:
        if not isinstance(self.parameters, Mapping):
            return self.parameters
        if env is None or env not in self.parameters:
            where = f"environment {env!r}" if env is not None else "an environment that is not named"
            raise EnvsError(f"this shift matches nothing in {where}; valid: {', '.join(sorted(self.parameters))}")
        return self.parameters[env]
