"""geom_friction, under MuJoCo's rule that the larger coefficient of a pair counts, and pair_friction."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from ..idle import Reasons
from ..nominal import Nominal
from ..parameter import POSITIVE, Array, Ids, Rule, Writer
from ..physics import Physics
from .contacts import (
    DecidedContacts,
    GroundContacts,
    geom_name,
    ground_contacts,
    ground_pairs,
    idle_geoms,
    uniform_factor,
)

__all__ = ["GeomFriction"]

_KINDS = ("sliding", "torsional", "rolling")  # the columns of geom_friction
_CONDIM = (3, 4, 6)  # from which dimension of the contact on each acts
_OF_PAIR = (
    slice(0, 2),
    slice(2, 3),
    slice(3, 5),
)  # the columns of pair_friction: along both tangents, spin, about both


@dataclass(frozen=True)
class GeomFriction:
    """Effective friction between a geom of the robot and the ground.

    MuJoCo gives a contact the larger of its two geoms' coefficients, so lowering a foot's alone changes
    nothing while the floor's stays high. Here the value is what the contact gets: geoms of the static world
    (the ground) follow, and so do the coefficients of a <contact><pair> of the geom with the ground, which replace
    those of both geoms. When all geoms change by one factor, every coefficient is multiplied by it, which is
    exact for contacts among the robot's own geoms too; otherwise each geom takes its value and the ground the
    smallest. A geom with several contacts stands for the largest of their coefficients.
    """

    column: int = 0
    rule: Rule = POSITIVE
    fields: tuple[str, ...] = ("geom_friction", "pair_friction")

    @property
    def unit(self) -> str:
        """Return the unit: torsional and rolling friction are torque over normal force."""
        return "m" if self.column else "1"

    @property
    def description(self) -> str:
        """Return what it is, in one line."""
        return f"effective {_KINDS[self.column]} friction of a geom on the ground"

    def _contacts(self, model: mujoco.MjModel) -> DecidedContacts:
        every, (pairs, geoms) = ground_contacts(model), ground_pairs(model)
        kept = every.condim >= _CONDIM[self.column]
        mixed = every.of(kept & (self._mixed(every, model.geom_friction[None])[0] > 0))
        acts = (model.pair_dim[pairs] >= _CONDIM[self.column]) & (self._paired(model.pair_friction[pairs]) > 0)
        pairs, geoms = pairs[acts], geoms[acts]
        return DecidedContacts.join(mixed, pairs, geoms)

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the moving geoms whose contacts with the ground have this friction."""
        return tuple(geom_name(nominal.model, i) for i in self._contacts(nominal.model).robot)

    def idle(self, nominal: Nominal) -> Reasons:
        """Return why the friction of other geoms never acts on a contact with the ground."""
        reason = (
            f"its contacts with the ground have no {_KINDS[self.column]} friction in the model (condim or coefficient)"
        )
        return idle_geoms(nominal.model, self.objects(nominal), reason)

    def default(self, nominal: Nominal) -> Array:
        """Return the friction of their contacts with the ground."""
        model = nominal.model
        effective: Array = self._effective(self._contacts(model), model.geom_friction[None], model.pair_friction[None])
        return np.asarray(effective[0])

    def _mixed(self, contacts: GroundContacts, friction: Array) -> Array:
        """Apply MuJoCo's maximum rule to (num, ngeom, 3) coefficients; return (num, k)."""
        ground = np.where(contacts.mixed, friction[:, None, contacts.ground, self.column], 0.0)
        effective: Array = np.maximum(friction[:, contacts.robot, self.column], ground.max(axis=2, initial=0.0))
        return effective

    def _paired(self, friction: Array) -> Array:
        """Return the larger coefficient of (..., 5) of pairs, (...)."""
        return np.asarray(friction[..., _OF_PAIR[self.column]].max(axis=-1))

    def _effective(self, contacts: DecidedContacts, friction: Array, pair: Array) -> Array:
        """Return the largest coefficient of each geom's contacts, (num, n)."""
        effective: Array = np.zeros((len(friction), len(contacts.robot)))
        effective[:, contacts.place] = self._mixed(contacts.mixed, friction)
        for index, owner in zip(contacts.pairs, contacts.owner, strict=True):
            effective[:, owner] = np.maximum(effective[:, owner], self._paired(pair[:, index]))
        return effective

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what writes the coefficients whose maximum is the value."""
        contacts, default = self._contacts(nominal.model), self.default(nominal)
        robot, ground = contacts.mixed.robot, contacts.mixed.ground
        coefficients = nominal.model.geom_friction[:, self.column].copy()
        own = nominal.model.pair_friction[contacts.pairs, _OF_PAIR[self.column]]  # (p, 1 or 2)
        friction = physics.expand("geom_friction")[:, :, self.column]
        paired = physics.expand("pair_friction")[:, :, _OF_PAIR[self.column]] if len(contacts.pairs) else None

        def write(ids: Ids, values: Array) -> None:
            """Write one factor on all where there is one, else each geom's value and the ground's least."""
            factor, uniform = uniform_factor(values, default)
            mixed = values[:, contacts.place]
            least = mixed.min(axis=1, keepdims=True, initial=np.inf)
            friction[ids[:, None], robot] = np.where(uniform, coefficients[robot] * factor, mixed)
            friction[ids[:, None], ground] = np.where(uniform, coefficients[ground] * factor, least)
            if paired is not None:
                apart = values[:, contacts.owner, None]
                scaled = own * factor[:, :, None]
                paired[ids[:, None], contacts.pairs] = np.where(uniform[:, :, None], scaled, apart)

        return write

    def read(self, physics: Physics) -> Array:
        """Return the friction a contact with the ground gets."""
        contacts = self._contacts(physics.model)
        return self._effective(contacts, physics.expand("geom_friction"), physics.expand("pair_friction"))
