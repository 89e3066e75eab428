"""Parameter: a quantity a domain may set: its unit, whose it is, how it is written and read back.

A parameter knows nothing of distributions. It is handed the effective value of every object, computed from
the model's default each time, so that writing twice is the same as writing once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import mujoco
import numpy as np
from numpy.typing import NDArray

from .physics import Physics

__all__ = [
    "NOT_NEGATIVE",
    "POSITIVE",
    "Array",
    "ChannelParameter",
    "Ids",
    "Parameter",
    "PhysicalParameter",
    "Rule",
    "Writer",
]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]
Writer = Callable[[Ids, Array], None]  # (worlds (k,), effective values (k, n))


@dataclass(frozen=True)
class Rule:
    """Which effective values are possible."""

    positive: bool = False
    maximum: float = float("inf")
    integer: bool = False

    def admits(self, low: float, high: float) -> bool:
        """Return whether every value between `low` and `high` is possible."""
        return (low > 0 if self.positive else low >= 0) and high <= self.maximum and np.isfinite(high)

    def __str__(self) -> str:
        bound = "> 0" if self.positive else ">= 0"
        most = f" and <= {self.maximum:g}" if np.isfinite(self.maximum) else ""
        return f"{'an integer ' if self.integer else ''}{bound}{most} and finite"


NOT_NEGATIVE = Rule()
POSITIVE = Rule(positive=True)


class Parameter(Protocol):
    """What all parameters have in common."""

    @property
    def unit(self) -> str:
        """Return the unit of its values."""
        ...

    @property
    def description(self) -> str:
        """Return what it is, in one line."""
        ...

    @property
    def rule(self) -> Rule:
        """Return which values are possible."""
        ...

    def objects(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names a selector may choose from, (n,)."""
        ...

    def default(self, model: mujoco.MjModel) -> Array:
        """Return the nominal value of every object, (n,)."""
        ...


class PhysicalParameter(Parameter, Protocol):
    """A parameter of the simulated bodies."""

    def writer(self, physics: Physics) -> Writer:
        """Make the fields differ per world; return what writes effective values (k, n) into worlds (k,)."""
        ...

    def read(self, physics: Physics) -> Array:
        """Return the effective values that the simulation uses, (num_envs, n)."""
        ...


@dataclass(frozen=True)
class ChannelParameter:
    """A parameter of what lies between agent and physics; the channels read its values themselves."""

    unit: str
    description: str
    rule: Rule = NOT_NEGATIVE

    def objects(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the one object: the whole channel."""
        return ("*",)

    def default(self, model: mujoco.MjModel) -> Array:
        """Return zero: an ideal channel."""
        return np.zeros(1)
