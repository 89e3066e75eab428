"""Parameter: a quantity a domain may set: its unit, whose it is, how it is written and read back.

A parameter knows nothing of distributions. It is handed the effective value of every object, computed from
the model's default each time, so that writing twice is the same as writing once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import mujoco
import numpy as np
from numpy.typing import NDArray

from .idle import unmoved_bodies
from .nominal import Nominal, object_names
from .physics import Physics

__all__ = [
    "ANY",
    "NOT_NEGATIVE",
    "POSITIVE",
    "Array",
    "ChannelParameter",
    "ExplainsIdle",
    "Ids",
    "MorphologyParameter",
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
    """Which effective values are possible: finite ones from `minimum` (above it if `strict`) to `maximum`."""

    minimum: float = 0.0
    maximum: float = float("inf")
    strict: bool = False
    integer: bool = False

    def admits(self, low: float, high: float) -> bool:
        """Return whether every value between `low` and `high` is possible."""
        return (low > self.minimum if self.strict else low >= self.minimum) and high <= self.maximum and high < np.inf

    def __str__(self) -> str:
        least = f"{'>' if self.strict else '>='} {self.minimum:g}" if np.isfinite(self.minimum) else ""
        most = f"<= {self.maximum:g}" if np.isfinite(self.maximum) else ""
        kind = "an integer " if self.integer else ""
        return kind + " and ".join(part for part in (least, most, "finite") if part)


ANY = Rule(minimum=-float("inf"))
NOT_NEGATIVE = Rule()
POSITIVE = Rule(strict=True)


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

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the names a selector may choose from, (n,)."""
        ...

    def default(self, nominal: Nominal) -> Array:
        """Return the nominal value of every object, (n,)."""
        ...


@runtime_checkable
class PhysicalParameter(Parameter, Protocol):
    """A parameter of the simulated bodies."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the model fields it writes, as `Physics.expand` names them."""
        ...

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what puts effective values (k, n) into the worlds (k,).

        Every writing starts with `fields` restored to the nominal's values and goes through the parameters in the
        order of PARAMETERS. So a writer changes what it finds, and those that share a field compose.
        """
        ...

    def read(self, physics: Physics) -> Array:
        """Return the effective values that the simulation uses, (num_envs, n)."""
        ...


@runtime_checkable
class MorphologyParameter(Parameter, Protocol):
    """A parameter of the robot's build: worlds with different values run on differently compiled models."""

    def edit(self, spec: mujoco.MjSpec, values: dict[str, float]) -> None:
        """Change `spec` so that the objects named have these effective values."""
        ...

    def read(self, physics: Physics) -> Array:
        """Return the effective values that the simulation uses, (num_envs, n)."""
        ...


@runtime_checkable
class ExplainsIdle(Protocol):
    """A parameter that knows which objects of the model it never acts on."""

    def idle(self, nominal: Nominal) -> dict[str, str]:
        """Return object -> why it never acts there; such objects cannot be selected, whether in `objects` or not."""
        ...


@dataclass(frozen=True)
class ChannelParameter:
    """A parameter of what lies between agent and physics; the channels read its values themselves.

    Attributes:
        unit: of its values.
        description: what it is, in one line.
        rule: which values are possible.
        per: what has a value of its own: the world, each action or observation entry, or each body.
        ideal: the value at which the channel changes nothing.
    """

    unit: str
    description: str
    rule: Rule = NOT_NEGATIVE
    per: Literal["world", "action", "observation", "body"] = "world"
    ideal: float = 0.0

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the names of the entries or bodies; the whole world is `*`."""
        if self.per == "body":
            return object_names(nominal.model, "body")[1:]
        return {"world": ("*",), "action": nominal.action_names, "observation": nominal.observation_names}[self.per]

    def idle(self, nominal: Nominal) -> dict[str, str]:
        """Return why a force on a body never acts."""
        return unmoved_bodies(nominal.model, object_names(nominal.model, "body")) if self.per == "body" else {}

    def default(self, nominal: Nominal) -> Array:
        """Return the ideal value of each."""
        return np.full(len(self.objects(nominal)), self.ideal)
