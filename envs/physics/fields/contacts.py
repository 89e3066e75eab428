"""Contacts of the robot with the ground: which there can be, and whose coefficients decide them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..idle import Reasons, disabled, moved_bodies
from ..nominal import object_names
from ..parameter import Array, Ids

__all__ = [
    "DecidedContacts",
    "GroundContacts",
    "geom_name",
    "ground_contacts",
    "ground_pairs",
    "idle_geoms",
    "uniform_factor",
]

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class GroundContacts:
    """The moving geoms whose contacts with the static world (the ground) their own coefficients can decide.

    Of two geoms in contact, MuJoCo asks the one of higher priority alone, and mixes those of equal priority
    (https://mujoco.readthedocs.io/en/stable/computation/index.html#contact, "Parameters").

    Attributes:
        robot: (n,) moving geoms that can touch the ground and where no ground of higher priority has the say, those
            without any contact but that of a <contact><pair> left out.
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


@dataclass(frozen=True)
class DecidedContacts:
    """The contacts with the ground in which a coefficient of a moving geom acts.

    Attributes:
        robot: (n,) the moving geoms, in the order of the model.
        mixed: of those whose own coefficient, or the ground's, decides.
        place: (k,) where the geoms of `mixed` stand in `robot`.
        pairs: (p,) the <contact><pair> elements, which state their own coefficients.
        owner: (p,) where the moving geom of each stands in `robot`.
    """

    robot: Ids
    mixed: GroundContacts
    place: Ids
    pairs: Ids
    owner: Ids

    @staticmethod
    def join(mixed: GroundContacts, pairs: Ids, geoms: Ids) -> DecidedContacts:
        """Join what mixing decides and the `pairs` (p,), each of a moving geom of `geoms` (p,)."""
        robot = np.union1d(mixed.robot, geoms).astype(np.intp)
        return DecidedContacts(robot, mixed, np.searchsorted(robot, mixed.robot), pairs, np.searchsorted(robot, geoms))


def ground_contacts(model: mujoco.MjModel) -> GroundContacts:
    """Return the contacts with the ground that the model's collision masks and exclusions allow."""
    robot, ground = _sides(model)
    touches = _may_collide(model, robot, ground)
    priority = model.geom_priority[robot, None] - model.geom_priority[ground]
    decided = touches.any(axis=1) & ~(touches & (priority < 0)).any(axis=1)
    own, other = model.geom_condim[robot, None], model.geom_condim[ground]
    condim = np.where(touches, np.where(priority > 0, own, np.maximum(own, other)), 0).max(axis=1, initial=0)
    return GroundContacts(robot, ground, touches & (priority == 0), condim).of(decided)


def _sides(model: mujoco.MjModel) -> tuple[Ids, Ids]:
    """Return the geoms that joints move, and those of the static world."""
    moved, static = moved_bodies(model), model.body_weldid == 0
    return np.flatnonzero(moved[model.geom_bodyid]), np.flatnonzero(static[model.geom_bodyid])


def _may_collide(model: mujoco.MjModel, robot: Ids, ground: Ids) -> Mask:
    """Return which pairs pass MuJoCo's masks and the model's exclusions, (n, m), but for those of a <contact><pair>."""
    kind, partner = model.geom_contype, model.geom_conaffinity
    touches = ((kind[robot, None] & partner[ground]) | (kind[ground] & partner[robot, None])) != 0
    bodies = np.sort(np.stack(np.broadcast_arrays(model.geom_bodyid[robot, None], model.geom_bodyid[ground])), axis=0)
    excluded = np.isin((bodies[0] << 16) + bodies[1], model.exclude_signature)
    paired = np.zeros((model.ngeom, model.ngeom), np.bool_)
    paired[model.pair_geom1, model.pair_geom2] = paired[model.pair_geom2, model.pair_geom1] = True
    enabled = not disabled(model, "contact")
    return np.asarray(touches & ~excluded & ~paired[np.ix_(robot, ground)] & enabled, np.bool_)


def ground_pairs(model: mujoco.MjModel) -> tuple[Ids, Ids]:
    """Return the <contact><pair> elements of a moving geom with the ground, (p,), and that geom of each, (p,).

    Such a pair states its own friction and reference, and MuJoCo reads neither geom's
    (https://mujoco.readthedocs.io/en/stable/XMLreference.html#contact-pair); masks and exclusions do not matter to it.
    """
    robot, ground = _sides(model)
    one, other = model.pair_geom1, model.pair_geom2
    first, second = np.isin(one, robot) & np.isin(other, ground), np.isin(other, robot) & np.isin(one, ground)
    chosen = np.flatnonzero((first | second) & (not disabled(model, "contact")))
    return chosen, np.where(first, one, other)[chosen]


def idle_geoms(model: mujoco.MjModel, objects: Sequence[str], what: str) -> Reasons:
    """Return why the coefficients of geoms that are no `objects` never act on a contact with the ground.

    Args:
        model: whose geoms.
        objects: names of those whose coefficients do.
        what: the coefficient, as a reason where it is not the geom's place that decides.
    """
    names, (robot, ground) = object_names(model, "geom"), _sides(model)
    off = disabled(model, "constraint", "contact")
    if not off and model.opt.enableflags & mujoco.mjtEnableBit.mjENBL_OVERRIDE:
        off = 'the model has <flag override="enable"/>, whose o_friction and o_solref replace those of all contacts'
    if off:
        return dict.fromkeys(names, off)
    touches, paired = _may_collide(model, robot, ground), set(ground_pairs(model)[1].tolist())
    above = touches & (model.geom_priority[robot, None] < model.geom_priority[ground])
    found = dict.fromkeys((names[g] for g in ground), "it belongs to the ground, which follows the robot's geoms")
    for row, geom in enumerate(robot.tolist()):
        if names[geom] in objects:
            continue
        found[names[geom]] = what
        if above[row].any():
            chief = int(ground[np.argmax(above[row])])
            found[names[geom]] = (
                f"the ground's geom {names[chief]!r} has the higher priority ({model.geom_priority[chief]} against "
                f"{model.geom_priority[geom]}), so MuJoCo takes that one's coefficients alone; give both the same"
            )
        elif geom in paired:
            found[names[geom]] = "a <contact><pair> with the ground states the coefficients of their contact itself"
        elif not touches[row].any():
            found[names[geom]] = "by contype, conaffinity and <exclude> it can touch no geom of the ground"
    for geom in set(range(model.ngeom)) - set(robot.tolist()) - set(ground.tolist()):
        found[names[geom]] = "no joint moves it: MuJoCo computes no force for its contacts with the ground"
    return found


def geom_name(model: mujoco.MjModel, index: int) -> str:
    """Return the unique name of a geom."""
    return object_names(model, "geom")[index]


def uniform_factor(values: Array, default: Array) -> tuple[Array, Mask]:
    """Return the factor (k, 1) of each row of `values` (k, n) over `default` (n,), and whether it has but one (k, 1).

    One factor on all coefficients is exact for every contact, those among the robot's own geoms too, as both the
    maximum and the mean of two coefficients scale along.
    """
    ratio = values / default
    factor = ratio[:, :1]
    uniform: Mask = np.abs(ratio - factor).max(axis=1, keepdims=True) <= 1e-12 * factor
    return factor, uniform
