"""body_ipos: where the centre of mass of a body lies."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..nominal import Nominal, body_name
from ..parameter import ANY, Array, Ids, Rule, Writer
from ..physics import Physics
from .mass import heavy_bodies

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
        shiftable: Ids = bodies[(model.body_simple[bodies] == 0) & _turns(model)[bodies]]
        return shiftable

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the bodies that have mass and can turn, without simple ones."""
        return tuple(body_name(nominal.model, i) for i in self._ids(nominal.model))

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


def _turns(model: mujoco.MjModel) -> NDArray[np.bool_]:
    """Return which bodies can turn relative to the world, (nbody,)."""
    turns = np.zeros(model.nbody, np.bool_)
    turns[model.jnt_bodyid[model.jnt_type != mujoco.mjtJoint.mjJNT_SLIDE]] = True
    for body in range(1, model.nbody):  # a parent comes before its children
        turns[body] |= turns[model.body_parentid[body]]
    return turns
