"""geom_friction, under MuJoCo's rule that the larger coefficient of a pair counts."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..nominal import Nominal
from ..parameter import POSITIVE, Array, Ids, Rule, Writer
from ..physics import Physics

__all__ = ["GeomFriction"]


@dataclass(frozen=True)
class GeomFriction:
    """Effective sliding friction between a geom of the robot and the ground.

    MuJoCo gives a contact the larger of its two geoms' coefficients, so lowering a foot's alone changes
    nothing while the floor's stays high. Here the value is what the contact gets: geoms of the static world
    (the ground) follow. When all geoms change by one factor, every coefficient is multiplied by it, which is
    exact for contacts among the robot's own geoms too; otherwise each geom takes its value and the ground the
    smallest.
    """

    unit: str = "1"
    description: str = "effective sliding friction of a geom on the ground"
    rule: Rule = POSITIVE
    fields: tuple[str, ...] = ("geom_friction",)

    def _robot(self, model: mujoco.MjModel) -> Ids:
        return np.flatnonzero((model.geom_bodyid > 0) & (_collides(model)))

    def _ground(self, model: mujoco.MjModel) -> Ids:
        return np.flatnonzero((model.geom_bodyid == 0) & (_collides(model)))

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the robot's geoms that can collide."""
        model = nominal.model
        return tuple(model.geom(i).name or f"geom{i}" for i in self._robot(model))

    def default(self, nominal: Nominal) -> Array:
        """Return the friction of their contacts with the ground."""
        effective: Array = self._effective(nominal.model, np.asarray(nominal.model.geom_friction)[None])[0]
        return effective

    def _effective(self, model: mujoco.MjModel, friction: Array) -> Array:
        """Apply MuJoCo's maximum rule to (num, ngeom, 3) coefficients; return (num, n)."""
        ground = friction[:, self._ground(model), 0].max(axis=1, initial=0.0)
        effective: Array = np.maximum(friction[:, self._robot(model), 0], ground[:, None])
        return effective

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what writes the coefficients whose maximum is the value."""
        model = nominal.model
        robot, ground, default = self._robot(model), self._ground(model), self.default(nominal)
        coefficients = model.geom_friction[:, 0].copy()
        friction = physics.expand("geom_friction")[:, :, 0]

        def write(ids: Ids, values: Array) -> None:
            ratio = values / default
            factor = ratio[:, :1]
            uniform = np.abs(ratio - factor).max(axis=1, keepdims=True) <= 1e-12 * factor
            least = values.min(axis=1, keepdims=True)
            friction[ids[:, None], robot] = np.where(uniform, coefficients[robot] * factor, values)
            friction[ids[:, None], ground] = np.where(uniform, coefficients[ground] * factor, least)

        return write

    def read(self, physics: Physics) -> Array:
        """Return the friction a contact with the ground gets."""
        return self._effective(physics.model, physics.expand("geom_friction"))


def _collides(model: mujoco.MjModel) -> NDArray[np.bool_]:
    enabled = not model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_CONTACT
    collides: NDArray[np.bool_] = ((model.geom_contype != 0) | (model.geom_conaffinity != 0)) & enabled
    return collides
