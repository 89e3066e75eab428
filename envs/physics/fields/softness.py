"""geom_solref: how stiff and how damped contacts are, under MuJoCo's rule that the pair's mean counts."""

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

__all__ = ["ContactReference"]

_NAMES = (("contact_time_constant", "s"), ("contact_damping_ratio", "1"))  # the columns of geom_solref
_TINY = 1e-15  # mjMINVAL: weights below it count as none


@dataclass(frozen=True)
class ContactReference:
    """Effective time constant (s) or damping ratio of a geom's contact with the ground.

    MuJoCo drives a penetration to zero like a damped spring with this time constant and damping ratio, and
    takes for a contact the mean of its two geoms' values, weighted by solmix
    (https://mujoco.readthedocs.io/en/stable/modeling.html#solver-parameters), or what a <contact><pair> states. Here
    the value is what the contact gets: the ground follows. When all geoms change by one factor, so do all values;
    otherwise the ground takes the smallest one and each geom what its own mean then needs, which is never below it.

    A time constant below two timesteps is unstable, so MuJoCo raises it to that unless the model disables
    `refsafe`; what is read back says so. Geoms whose contacts are given as stiffness and damping (numbers
    that are not positive), or differ from one ground geom to another, are no objects.
    """

    column: int
    rule: Rule = POSITIVE
    fields: tuple[str, ...] = ("geom_solref", "pair_solref")

    @property
    def unit(self) -> str:
        """Return the unit."""
        return _NAMES[self.column][1]

    @property
    def description(self) -> str:
        """Return what it is, in one line."""
        what = ("time constant, small is stiff,", "damping ratio, 1 does not bounce,")[self.column]
        return f"{what} of a geom's contact with the ground"

    def _contacts(self, model: mujoco.MjModel) -> DecidedContacts:
        return DecidedContacts.join(self._mixed(model), *self._pairs(model))

    def _mixed(self, model: mujoco.MjModel) -> GroundContacts:
        contacts = ground_contacts(model)
        weight = np.where(contacts.mixed, _weights(model, contacts), np.nan)
        values = np.where(contacts.mixed, model.geom_solref[contacts.ground, self.column], np.nan)
        standard = (model.geom_solref > 0).all(axis=1)
        kept = standard[contacts.robot] & ~np.isin(contacts.robot, ground_pairs(model)[1])
        kept &= ~(contacts.mixed & ~standard[contacts.ground]).any(axis=1)
        for quantity in (weight, values):
            first = quantity[np.arange(len(quantity)), _first(contacts)] if quantity.shape[1] else np.zeros(0)
            kept &= ~(np.abs(quantity - first[:, None]) > 0).any(axis=1) if quantity.shape[1] else True
        return contacts.of(kept & (_ground_weight(model, contacts) < 1))

    def _pairs(self, model: mujoco.MjModel) -> tuple[Ids, Ids]:
        """Return the pairs of geoms with one value in all their contacts, (p,), and that geom of each, (p,)."""
        pairs, geoms = ground_pairs(model)
        values = model.pair_solref[pairs, self.column]
        same = np.array([(values[geoms == geom] == value).all() for geom, value in zip(geoms, values, strict=True)])
        kept = same.astype(np.bool_) & ~np.isin(geoms, ground_contacts(model).robot)
        kept &= ~np.isin(geoms, geoms[(model.pair_solref[pairs] <= 0).any(axis=1)])
        return pairs[kept], geoms[kept]

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the moving geoms that can touch the ground and whose values decide these contacts."""
        return tuple(geom_name(nominal.model, i) for i in self._contacts(nominal.model).robot)

    def idle(self, nominal: Nominal) -> Reasons:
        """Return why the values of other geoms never act on a contact with the ground."""
        reason = "its contacts with the ground have stiffness and damping, or differ from one geom to another"
        return idle_geoms(nominal.model, self.objects(nominal), reason)

    def default(self, nominal: Nominal) -> Array:
        """Return the value of their contacts with the ground."""
        model = nominal.model
        return np.asarray(self._effective(model, model.geom_solref[None], model.pair_solref[None])[0])

    def _effective(self, model: mujoco.MjModel, solref: Array, pair: Array) -> Array:
        """Apply MuJoCo's weighted mean and lower bound to (num, ngeom, 2) and (num, npair, 2); return (num, n)."""
        contacts = self._contacts(model)
        mixed = contacts.mixed
        own, weight = solref[:, mixed.robot, self.column], _ground_weight(model, mixed)
        if len(mixed.ground):
            own = (1 - weight) * own + weight * solref[:, mixed.ground[_first(mixed)], self.column]
        effective = np.zeros((len(solref), len(contacts.robot)))
        effective[:, contacts.place] = own
        effective[:, contacts.owner] = pair[:, contacts.pairs, self.column]
        return np.maximum(effective, self._least(model))

    def _least(self, model: mujoco.MjModel) -> float:
        safe = not model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_REFSAFE
        return 2 * float(model.opt.timestep) if safe and self.column == 0 else 0.0

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what writes the values whose weighted mean is the value."""
        model = nominal.model
        contacts, default = self._contacts(model), self.default(nominal)
        robot, ground, weight = contacts.mixed.robot, contacts.mixed.ground, _ground_weight(model, contacts.mixed)
        coefficients = model.geom_solref[:, self.column].copy()
        own = model.pair_solref[contacts.pairs, self.column]  # (p,)
        raised = bool((np.append(coefficients[np.append(robot, ground)], own) < self._least(model)).any())
        solref = physics.expand("geom_solref")[:, :, self.column]
        paired = physics.expand("pair_solref")[:, :, self.column] if len(contacts.pairs) else None

        def write(ids: Ids, values: Array) -> None:
            """Write one factor on all where there is one, else the ground's least value and what each geom lacks."""
            factor, uniform = uniform_factor(values, default)
            if raised:  # a factor on a number that MuJoCo replaces is not a factor on the contact's
                uniform &= factor == 1
            mixed = values[:, contacts.place]
            least = mixed.min(axis=1, keepdims=True, initial=np.inf)
            apart = (mixed - weight * least) / (1 - weight)
            solref[ids[:, None], robot] = np.where(uniform, coefficients[robot] * factor, apart)
            solref[ids[:, None], ground] = np.where(uniform, coefficients[ground] * factor, least)
            if paired is not None:
                paired[ids[:, None], contacts.pairs] = np.where(uniform, own * factor, values[:, contacts.owner])

        return write

    def read(self, physics: Physics) -> Array:
        """Return the value a contact with the ground gets."""
        return self._effective(physics.model, physics.expand("geom_solref"), physics.expand("pair_solref"))


def _first(contacts: GroundContacts) -> Ids:
    """Return for every geom the place (n,) in `ground` of one that it is mixed with."""
    return np.asarray(contacts.mixed.argmax(axis=1))


def _weights(model: mujoco.MjModel, contacts: GroundContacts) -> Array:
    """Return the ground's weight in the mean of every pair, (n, m)."""
    own, other = np.broadcast_arrays(model.geom_solmix[contacts.robot, None], model.geom_solmix[contacts.ground])
    both = np.where((own < _TINY) & (other < _TINY), 0.5, other / np.maximum(own + other, _TINY))
    return np.where((own >= _TINY) & (other < _TINY), 0.0, np.where((own < _TINY) & (other >= _TINY), 1.0, both))


def _ground_weight(model: mujoco.MjModel, contacts: GroundContacts) -> Array:
    """Return the ground's weight in the mean of every geom, (n,): 0 where the geom alone decides."""
    if not len(contacts.ground):
        return np.zeros(len(contacts.robot))
    weights = _weights(model, contacts)[np.arange(len(contacts.robot)), _first(contacts)]
    return np.where(contacts.mixed.any(axis=1), weights, 0.0)
