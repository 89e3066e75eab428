"""body_mass and body_inertia: how heavy a body is, how hard to turn, and what it carries."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from ..nominal import Nominal, body_name
from ..parameter import NOT_NEGATIVE, POSITIVE, Array, Ids, Rule, Writer
from ..physics import Physics

__all__ = ["BodyInertia", "BodyMass", "Payload", "heavy_bodies", "moving_bodies"]


def moving_bodies(model: mujoco.MjModel) -> Ids:
    """Return the bodies (n,) that are not fixed to the world: mass of the others never acts."""
    return np.flatnonzero(model.body_weldid != 0)


def heavy_bodies(model: mujoco.MjModel) -> Ids:
    """Return the moving bodies (n,) that have mass."""
    return np.flatnonzero((model.body_weldid != 0) & (model.body_mass > 0))


@dataclass(frozen=True)
class BodyMass:
    """Mass of a body; its inertia scales along, as when the material's density changes."""

    unit: str = "kg"
    description: str = "mass of a body, its inertia in proportion"
    rule: Rule = POSITIVE
    fields: tuple[str, ...] = ("body_mass", "body_inertia")

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the moving bodies that have mass."""
        return tuple(body_name(nominal.model, i) for i in heavy_bodies(nominal.model))

    def default(self, nominal: Nominal) -> Array:
        """Return their masses."""
        return np.array(nominal.model.body_mass[heavy_bodies(nominal.model)])

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what writes the mass and scales the inertia found."""
        bodies = heavy_bodies(nominal.model)
        mass, inertia = physics.expand("body_mass"), physics.expand("body_inertia")
        default = nominal.model.body_mass[bodies]

        def write(ids: Ids, values: Array) -> None:
            cells = ids[:, None], bodies
            mass[cells] = values
            inertia[cells] *= (values / default)[:, :, None]

        return write

    def read(self, physics: Physics) -> Array:
        """Return the masses in use, a payload included."""
        return np.array(physics.expand("body_mass")[:, heavy_bodies(physics.model)])


@dataclass(frozen=True)
class BodyInertia:
    """Inertia of a body alone, its mass kept, as when the same mass sits further out."""

    unit: str = "fraction of the model's"
    description: str = "rotational inertia of a body, its mass kept"
    rule: Rule = POSITIVE
    fields: tuple[str, ...] = ("body_inertia",)

    def _ids(self, model: mujoco.MjModel) -> Ids:
        bodies = heavy_bodies(model)
        turning: Ids = bodies[(model.body_inertia[bodies] > 0).any(axis=1)]
        return turning

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the moving bodies that have inertia."""
        return tuple(body_name(nominal.model, i) for i in self._ids(nominal.model))

    def default(self, nominal: Nominal) -> Array:
        """Return 1 for each."""
        return np.ones(len(self._ids(nominal.model)))

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what scales the inertia found."""
        bodies, inertia = self._ids(nominal.model), physics.expand("body_inertia")

        def write(ids: Ids, values: Array) -> None:
            inertia[ids[:, None], bodies] *= values[:, :, None]

        return write

    def read(self, physics: Physics) -> Array:
        """Return the inertia in use over the model's; a changed mass is part of it."""
        bodies = self._ids(physics.model)
        size = physics.expand("body_inertia")[:, bodies].sum(axis=2)
        return np.array(size / physics.model.body_inertia[bodies].sum(axis=1))


@dataclass(frozen=True)
class Payload:
    """A point mass fixed at the centre of mass of a body, where it adds to the mass and to nothing else."""

    unit: str = "kg"
    description: str = "mass carried at a body's centre of mass"
    rule: Rule = NOT_NEGATIVE
    fields: tuple[str, ...] = ("body_mass",)

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the moving bodies."""
        return tuple(body_name(nominal.model, i) for i in moving_bodies(nominal.model))

    def default(self, nominal: Nominal) -> Array:
        """Return 0 for each."""
        return np.zeros(len(moving_bodies(nominal.model)))

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what adds to the mass found."""
        bodies, mass = moving_bodies(nominal.model), physics.expand("body_mass")

        def write(ids: Ids, values: Array) -> None:
            mass[ids[:, None], bodies] += values

        return write

    def read(self, physics: Physics) -> Array:
        """Return the mass in use beyond the model's, whatever put it there."""
        bodies = moving_bodies(physics.model)
        return np.array(physics.expand("body_mass")[:, bodies] - physics.model.body_mass[bodies])
