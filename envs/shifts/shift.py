"""Shift: a named way to leave the nominal world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..domain import Domain
from ..errors import EnvsError

__all__ = ["Shift"]


@dataclass(frozen=True)
class Shift:
    """A family of target domains, ordered by severity; severity 0 is the nominal world.

    Attributes:
        summary: one line: what differs, and what the severity counts.
        severity: the default.
        parameters: severity -> the `parameters` of a domain.
        highest: largest severity that makes sense.
    """

    summary: str
    severity: float
    parameters: Callable[[float], Mapping[str, Any]]
    highest: float = float("inf")

    def domain(self, severity: float | None = None) -> Domain:
        """Return the target domain at `severity` (None: the default), at nominal fidelity.

        Raises:
            EnvsError: when the severity is negative or above the highest.
        """
        severity = self.severity if severity is None else severity
        if not 0 <= severity <= self.highest:
            raise EnvsError(f"severity: must be >= 0 and <= {self.highest:g}, got {severity:g}")
        return Domain.parse({"parameters": self.parameters(severity)})
