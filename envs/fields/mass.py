"""body_mass and body_inertia."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from ..parameter import POSITIVE, Array, Ids, Rule, Writer
from ..physics import Physics

__all__ = ["BodyMass"]


@dataclass(frozen=True)
class BodyMass:
    """Mass of a body; its inertia scales along, as when the material's density changes."""

    unit: str = "kg"
    description: str = "mass of a body, its inertia in proportion"
    rule: Rule = POSITIVE

    def _ids(self, model: mujoco.MjModel) -> Ids:
        return np.flatnonzero(model.body_mass > 0)

    def objects(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the bodies that have mass."""
        return tuple(model.body(i).name or f"body{i}" for i in self._ids(model))

    def default(self, model: mujoco.MjModel) -> Array:
        """Return their masses."""
        return np.array(model.body_mass[self._ids(model)])

    def writer(self, physics: Physics) -> Writer:
        """Return what writes mass and inertia."""
        bodies = self._ids(physics.model)
        mass, inertia = physics.expand("body_mass"), physics.expand("body_inertia")
        nominal_mass, nominal_inertia = physics.model.body_mass[bodies], physics.model.body_inertia[bodies]

        def write(ids: Ids, values: Array) -> None:
            cells = ids[:, None], bodies
            mass[cells] = values
            inertia[cells] = nominal_inertia * (values / nominal_mass)[:, :, None]

        return write

    def read(self, physics: Physics) -> Array:
        """Return the masses in use."""
        return np.array(physics.expand("body_mass")[:, self._ids(physics.model)])
