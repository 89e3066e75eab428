"""opt.density, opt.viscosity and opt.wind: the fluid the robot moves in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..nominal import Nominal
from ..parameter import ANY, NOT_NEGATIVE, Array, Ids, Rule, Writer
from ..physics import Physics

__all__ = ["FluidProperty", "Wind"]


@dataclass(frozen=True)
class FluidProperty:
    """Density or viscosity of the fluid around all bodies (MuJoCo's fluid forces); 0 is none."""

    option: str
    unit: str
    description: str
    rule: Rule = NOT_NEGATIVE

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the one field."""
        return (f"opt.{self.option}",)

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the one object: the world."""
        return ("*",)

    def default(self, nominal: Nominal) -> Array:
        """Return the model's value, (1,)."""
        return np.array([getattr(nominal.model.opt, self.option)])

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what writes the value."""
        live = physics.expand(f"opt.{self.option}")

        def write(ids: Ids, values: Array) -> None:
            live[ids] = values[:, 0]

        return write

    def read(self, physics: Physics) -> Array:
        """Return the value in use, (num_envs, 1)."""
        return np.array(physics.expand(f"opt.{self.option}"))[:, None]


@dataclass(frozen=True)
class Wind:
    """Velocity of the fluid along one axis of the world; it pushes only where density or viscosity is not 0."""

    axis: int
    unit: str = "m/s"
    rule: Rule = ANY
    fields: tuple[str, ...] = ("opt.wind",)

    @property
    def description(self) -> str:
        """Return what it is, in one line."""
        return f"velocity of the fluid along {'xyz'[self.axis]}, felt where it has density or viscosity"

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the one object: the world."""
        return ("*",)

    def default(self, nominal: Nominal) -> Array:
        """Return the model's wind along the axis, (1,)."""
        return np.array([nominal.model.opt.wind[self.axis]])

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what writes the component."""
        wind = physics.expand("opt.wind")

        def write(ids: Ids, values: Array) -> None:
            wind[ids, self.axis] = values[:, 0]

        return write

    def read(self, physics: Physics) -> Array:
        """Return the component in use, (num_envs, 1)."""
        return np.array(physics.expand("opt.wind")[:, self.axis : self.axis + 1])
