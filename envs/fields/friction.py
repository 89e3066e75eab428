"""geom_friction, under MuJoCo's rule that the larger coefficient of a pair counts."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from ..nominal import Nominal
from ..parameter import POSITIVE, Array, Ids, Rule, Writer
from ..physics import Physics
from .contacts import GroundContacts, geom_name, ground_contacts, uniform_factor

__all__ = ["GeomFriction"]

_KINDS = ("sliding", "torsional", "rolling")  # the columns of geom_friction
_CONDIM = (3, 4, 6)  # from which dimension of the contact on each acts


@dataclass(frozen=True)
class GeomFriction:
    """Effective friction between a geom of the robot and the ground.

    MuJoCo gives a contact the larger of its two geoms' coefficients, so lowering a foot's alone changes
    nothing while the floor's stays high. Here the value is what the contact gets: geoms of the static world
    (the ground) follow. When all geoms change by one factor, every coefficient is multiplied by it, which is
    exact for contacts among the robot's own geoms too; otherwise each geom takes its value and the ground the
    smallest.
    """

    column: int = 0
    rule: Rule = POSITIVE
    fields: tuple[str, ...] = ("geom_friction",)

    @property
    def unit(self) -> str:
        """Return the unit: torsional and rolling friction are torque over normal force."""
        return "m" if self.column else "1"

    @property
    def description(self) -> str:
        """Return what it is, in one line."""
        return f"effective {_KINDS[self.column]} friction of a geom on the ground"

    def _contacts(self, model: mujoco.MjModel) -> GroundContacts:
        contacts = ground_contacts(model)
        kept = (contacts.condim >= _CONDIM[self.column]) & (self._effective(contacts, model.geom_friction[None])[0] > 0)
        return contacts.of(kept)

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the moving geoms whose contacts with the ground have this friction."""
        return tuple(geom_name(nominal.model, i) for i in self._contacts(nominal.model).robot)

    def default(self, nominal: Nominal) -> Array:
        """Return the friction of their contacts with the ground."""
        effective: Array = self._effective(self._contacts(nominal.model), nominal.model.geom_friction[None])[0]
        return effective

    def _effective(self, contacts: GroundContacts, friction: Array) -> Array:
        """Apply MuJoCo's maximum rule to (num, ngeom, 3) coefficients; return (num, n)."""
        ground = np.where(contacts.mixed, friction[:, None, contacts.ground, self.column], 0.0)
        effective: Array = np.maximum(friction[:, contacts.robot, self.column], ground.max(axis=2, initial=0.0))
        return effective

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what writes the coefficients whose maximum is the value."""
        contacts, default = self._contacts(nominal.model), self.default(nominal)
        robot, ground = contacts.robot, contacts.ground
        coefficients = nominal.model.geom_friction[:, self.column].copy()
        friction = physics.expand("geom_friction")[:, :, self.column]

        def write(ids: Ids, values: Array) -> None:
            factor, uniform = uniform_factor(values, default)
            least = values.min(axis=1, keepdims=True)
            friction[ids[:, None], robot] = np.where(uniform, coefficients[robot] * factor, values)
            friction[ids[:, None], ground] = np.where(uniform, coefficients[ground] * factor, least)

        return write

    def read(self, physics: Physics) -> Array:
        """Return the friction a contact with the ground gets."""
        return self._effective(self._contacts(physics.model), physics.expand("geom_friction"))
