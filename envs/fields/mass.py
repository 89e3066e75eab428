"""body_mass and body_inertia."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from ..nominal import Nominal, body_name
from ..parameter import POSITIVE, Array, Ids, Rule, Writer
from ..physics import Physics

__all__ = ["BodyMass"]


@dataclass(frozen=True)
class BodyMass:
    """Mass of a body; its inertia scales along, as when the material's density changes."""

    unit: str = "kg"
    description: str = "mass of a body, its inertia in proportion"
    rule: Rule = POSITIVE
    fields: tuple[str, ...] = ("body_mass", "body_inertia")

    def _ids(self, model: mujoco.MjModel) -> Ids:
        return np.flatnonzero(model.body_mass > 0)

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the bodies that have mass."""
        return tuple(body_name(nominal.model, i) for i in self._ids(nominal.model))

    def default(self, nominal: Nominal) -> Array:
        """Return their masses."""
        return np.array(nominal.model.body_mass[self._ids(nominal.model)])

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what writes mass and inertia."""
        bodies = self._ids(nominal.model)
        mass, inertia = physics.expand("body_mass"), physics.expand("body_inertia")
        default = nominal.model.body_mass[bodies]

        def write(ids: Ids, values: Array) -> None:
            cells = ids[:, None], bodies
            mass[cells] = values
            inertia[cells] *= (values / default)[:, :, None]

        return write

    def read(self, physics: Physics) -> Array:
        """Return the masses in use."""
        return np.array(physics.expand("body_mass")[:, self._ids(physics.model)])
