"""body_ipos: where the centre of mass of a body lies."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from ..idle import Reasons, unmoved_bodies
from ..nominal import Nominal, body_name, object_names
from ..parameter import ANY, Array, Ids, Rule, Writer
from ..physics import Physics
from .mass import heavy_bodies, turning_bodies

__all__ = ["CenterOfMass"]


@dataclass(frozen=True)
class CenterOfMass:
    """Shift of a body's centre of mass along one axis of the body's frame; its inertia about it is kept.

    A body that cannot turn, as no hinge, ball or free joint lies between it and the world, is no object: there the
    shift would do nothing. Nor is one that MuJoCo treats as simple (no other body hangs on it, it hangs on the world
    and its centre of mass is its origin): its mass matrix is diagonal in the compiled structure and cannot hold it.
    """

    axis: int
    rule: Rule = ANY
    unit: str = "m"
    fields: tuple[str, ...] = ("body_ipos",)

    @property
    def description(self) -> str:
        """Return what it is, in one line."""
        return f"shift of a body's centre of mass along its {'xyz'[self.axis]} axis"

    def _ids(self, model: mujoco.MjModel) -> Ids:
        bodies = heavy_bodies(model)
        shiftable: Ids = bodies[(model.body_simple[bodies] == 0) & turning_bodies(model)[bodies]]
        return shiftable

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the bodies that have mass and can turn, without simple ones."""
        return tuple(body_name(nominal.model, i) for i in self._ids(nominal.model))

    def idle(self, nominal: Nominal) -> Reasons:
        """Return why the other bodies are no objects."""
        model, names = nominal.model, object_names(nominal.model, "body")
        found = {
            names[i]: "MuJoCo treats it as simple: its mass matrix is compiled as diagonal"
            if turning_bodies(model)[i]
            else "it only slides: no joint turns it, so where its centre of mass lies does not matter"
            for i in set(heavy_bodies(model).tolist()) - set(self._ids(model).tolist())
        }
        return {**unmoved_bodies(model, names), **found}

    def default(self, nominal: Nominal) -> Array:
        """Return 0 for each."""
        return np.zeros(len(self._ids(nominal.model)))

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what adds to the position found."""
        bodies, position = self._ids(nominal.model), physics.expand("body_ipos")

        def write(ids: Ids, values: Array) -> None:
            position[ids[:, None], bodies, self.axis] += values

        return write

    def read(self, physics: Physics) -> Array:
        """Return the distance of the position in use from the model's."""
        bodies = self._ids(physics.model)
        own = physics.expand("body_ipos")[:, bodies, self.axis]
        return np.array(own - physics.model.body_ipos[bodies, self.axis])
