"""Contacts of the robot with the ground: which there can be, and whose coefficients decide them."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..parameter import Array, Ids

__all__ = ["GroundContacts", "geom_name", "ground_contacts", "uniform_factor"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class GroundContacts:
    """The moving geoms whose contacts with the static world (the ground) their own coefficients can decide.

    Of two geoms in contact, MuJoCo asks the one of higher priority alone, and mixes those of equal priority
    (https://mujoco.readthedocs.io/en/stable/computation/index.html#contact, "Parameters").

    Attributes:
        robot: (n,) moving geoms that can touch the ground, where neither a ground of higher priority has the say
            nor the coefficients of a <contact><pair> with it.
        ground: (m,) static geoms of the same priority as one of them, with which it is mixed.
        mixed: (n, m) which are mixed.
        condim: (n,) the largest dimension of these contacts: 1 no friction, 3 slide, 4 and spin, 6 and roll.
    """

    robot: Ids
    ground: Ids
    mixed: Mask
    condim: NDArray[np.int_]

    def of(self, chosen: Mask) -> GroundContacts:
        """Return those of the geoms `chosen` (n,)."""
        used = self.mixed[chosen].any(axis=0)
        return GroundContacts(
            self.robot[chosen], self.ground[used], self.mixed[np.ix_(chosen, used)], self.condim[chosen]
        )


def ground_contacts(model: mujoco.MjModel) -> GroundContacts:
    """Return the contacts with the ground that the model's collision masks and exclusions allow."""
    static = model.body_weldid[model.geom_bodyid] == 0
    robot, ground = np.flatnonzero(~static), np.flatnonzero(static)
    touches = _may_collide(model, robot, ground)
    priority = model.geom_priority[robot, None] - model.geom_priority[ground]
    decided = touches.any(axis=1) & ~(touches & (priority < 0)).any(axis=1) & ~_paired(model, robot, static)
    own, other = model.geom_condim[robot, None], model.geom_condim[ground]
    condim = np.where(touches, np.where(priority > 0, own, np.maximum(own, other)), 0).max(axis=1, initial=0)
    return GroundContacts(robot, ground, touches & (priority == 0), condim).of(decided)


def _may_collide(model: mujoco.MjModel, robot: Ids, ground: Ids) -> Mask:
    """Return which pairs pass MuJoCo's masks and the model's exclusions, (n, m)."""
    kind, partner = model.geom_contype, model.geom_conaffinity
    touches = ((kind[robot, None] & partner[ground]) | (kind[ground] & partner[robot, None])) != 0
    bodies = np.sort(np.stack(np.broadcast_arrays(model.geom_bodyid[robot, None], model.geom_bodyid[ground])), axis=0)
    excluded = np.isin((bodies[0] << 16) + bodies[1], model.exclude_signature)
    enabled = not model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_CONTACT
    return np.asarray(touches & ~excluded & enabled, np.bool_)


def _paired(model: mujoco.MjModel, robot: Ids, static: Mask) -> Mask:
    """Return which geoms a <contact><pair> joins with the ground, (n,): it states their coefficients itself."""
    one, other = model.pair_geom1, model.pair_geom2
    return np.isin(robot, np.append(one[static[other]], other[static[one]]))


def geom_name(model: mujoco.MjModel, index: int) -> str:
    """Return the name of a geom, or `geom<index>` for one without."""
    return model.geom(index).name or f"geom{index}"


def uniform_factor(values: Array, default: Array) -> tuple[Array, Mask]:
    """Return the factor (k, 1) of each row of `values` (k, n) over `default` (n,), and whether it has but one (k, 1).

    One factor on all coefficients is exact for every contact, those among the robot's own geoms too, as both the
    maximum and the mean of two coefficients scale along.
    """
    ratio = values / default
    factor = ratio[:, :1]
    uniform: Mask = np.abs(ratio - factor).max(axis=1, keepdims=True) <= 1e-12 * factor
    return factor, uniform
