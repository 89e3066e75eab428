"""The shape of a robot's links: how long and how thick they are, changed in the source of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np
from numpy.typing import NDArray

from ...errors import EnvsError
from ..logs import compile_quietly
from ..nominal import Nominal, body_name, unique_names
from ..parameter import Array, Ids, Rule
from ..physics import Physics

__all__ = ["LinkLength", "LinkThickness"]

_FACTOR = Rule(minimum=0.05)  # what is thinner or shorter than that is no link; values go in steps of 0.01
_GEOM = mujoco.mjtGeom
_ROUND = (int(_GEOM.mjGEOM_CAPSULE), int(_GEOM.mjGEOM_CYLINDER))  # size: radius, half-length
_EDGED = (int(_GEOM.mjGEOM_BOX), int(_GEOM.mjGEOM_ELLIPSOID))  # size: half the edges or axes, the longest is the length
_LONG = (*_ROUND, *_EDGED)
_PRIMITIVE = (*_LONG, int(_GEOM.mjGEOM_SPHERE))


class _LinkFactor:
    """What both have in common: whose they are, and that the model's own is 1."""

    _kinds: ClassVar[tuple[int, ...]]  # of geoms, of which a body must have one

    def _ids(self, model: mujoco.MjModel) -> Ids:
        return _bodies(model, self._kinds)

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the moving bodies made of primitive geoms, one of them of the kinds that count."""
        return tuple(body_name(nominal.model, i) for i in self._ids(nominal.model))

    def default(self, nominal: Nominal) -> Array:
        """Return 1 for each."""
        return np.ones(len(self._ids(nominal.model)))

    def _read(self, physics: Physics, along: bool) -> Array:
        """Return a size in use of each body's first geom over the model's, (num_envs, n): its length, or another."""
        model = physics.model
        geoms = [_first(model, body, self._kinds) for body in self._ids(model)]
        axes = [int(np.flatnonzero(_along(model.geom_type[g], model.geom_size[g]) == along)[0]) for g in geoms]
        return np.array(physics.expand("geom_size")[:, geoms, axes] / model.geom_size[geoms, axes])


@dataclass(frozen=True)
class LinkLength(_LinkFactor):
    """Length of a link, as a fraction of the model's.

    Everything in the body moves away from its first hinge or ball joint (from its origin where it has none) by
    this factor: geoms, sites, further joints and the joints of the bodies that hang on it, so that all stay
    attached. Capsules and cylinders become longer, boxes and ellipsoids along their longest axis. The compiler
    computes mass and inertia anew; a geom whose mass the model states keeps that.
    """

    unit: str = "fraction of the model's"
    description: str = "length of a link, in steps of 0.01"
    rule: Rule = _FACTOR
    _kinds = _LONG

    def edit(self, spec: mujoco.MjSpec, values: dict[str, float]) -> None:
        """Make the links named so many times as long.

        Raises:
            EnvsError: when a body's inertia is stated and does not come from its geoms, or parts are in a <frame>.
        """
        for body, scale in _named(spec, values, "link_length"):
            anchor = _anchor(body)
            for child in body.bodies:
                joint = _rotated(spec, child, _anchor(child))  # relative to the child's origin, which may lie elsewhere
                child.pos = anchor + scale * (np.array(child.pos) + joint - anchor) - joint
            for part in (*_turning(body), *body.geoms, *body.sites):
                if _has_ends(part):
                    ends = np.array(part.fromto).reshape(2, 3)
                    part.fromto = (anchor + scale * (ends - anchor)).ravel()
                else:
                    part.pos = anchor + scale * (np.array(part.pos) - anchor)
            for geom in body.geoms:
                if not _has_ends(geom):
                    size = np.array(geom.size)
                    size[_along(geom.type, size)] *= scale
                    geom.size = size

    def read(self, physics: Physics) -> Array:
        """Return the length in use of each body's first longish geom over the model's, (num_envs, n)."""
        return self._read(physics, along=True)


@dataclass(frozen=True)
class LinkThickness(_LinkFactor):
    """Thickness of a link, as a fraction of the model's: all of its geoms but for their length, which stays.

    The radius of capsules, cylinders and spheres, the two shorter axes of boxes and ellipsoids. The compiler
    computes mass and inertia anew; a geom whose mass the model states keeps that.
    """

    unit: str = "fraction of the model's"
    description: str = "thickness of a link, in steps of 0.01"
    rule: Rule = _FACTOR
    _kinds = _PRIMITIVE

    def edit(self, spec: mujoco.MjSpec, values: dict[str, float]) -> None:
        """Make the links named so many times as thick.

        Raises:
            EnvsError: when a body's inertia is stated and does not come from its geoms, or parts are in a <frame>.
        """
        for body, scale in _named(spec, values, "link_thickness"):
            for geom in body.geoms:
                size = np.array(geom.size)
                size[np.arange(3) < 2 if _has_ends(geom) else ~_along(geom.type, size)] *= scale
                geom.size = size

    def read(self, physics: Physics) -> Array:
        """Return the thickness in use of each body's first geom over the model's, (num_envs, n)."""
        return self._read(physics, along=False)


def _along(kind: int, size: Array) -> NDArray[np.bool_]:
    """Return which of the sizes (3,) of a geom is its length, (3,); none of a sphere's."""
    along = np.zeros(3, np.bool_)
    if int(kind) in _ROUND:
        along[1] = True
    elif int(kind) in _EDGED:
        along[int(np.argmax(size))] = True
    return along


def _turning(body: mujoco.MjsBody) -> list[mujoco.MjsJoint]:
    """Return the joints whose place matters: that of a slide or free joint does not."""
    return [j for j in body.joints if j.type in (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_BALL)]


def _anchor(body: mujoco.MjsBody) -> Array:
    """Return where the body is attached, (3,), in its own frame."""
    return np.array([*(joint.pos for joint in _turning(body)), np.zeros(3)][0], np.float64)


def _rotated(spec: mujoco.MjSpec, body: mujoco.MjsBody, vector: Array) -> Array:
    """Return a vector (3,) of a body's frame in that of its parent."""
    rotated = np.zeros(3)
    quat = np.array(body.quat, np.float64)
    if vector.any() and body.alt.type != mujoco.mjtOrientation.mjORIENTATION_QUAT:  # angles: the compiler knows best
        with compile_quietly():
            model = spec.copy().compile()
        quat = np.array(model.body_quat[list(spec.bodies).index(body)])
    mujoco.mju_rotVecQuat(rotated, vector, quat / np.linalg.norm(quat))
    return rotated


def _has_ends(part: object) -> bool:
    """Return whether the source gives both ends of a geom or site, which then decide its position and length."""
    return bool(np.isfinite(np.asarray(getattr(part, "fromto", np.nan), np.float64)).all())


def _bodies(model: mujoco.MjModel, kinds: tuple[int, ...]) -> Ids:
    """Return the moving bodies (n,) whose geoms are all primitive, and at least one of these kinds."""
    primitive = np.isin(model.geom_type, _PRIMITIVE)
    fits = np.isin(model.geom_type, kinds)
    has, alien = (np.bincount(model.geom_bodyid, mask, model.nbody) > 0 for mask in (fits, ~primitive))
    return np.flatnonzero(has & ~alien & (model.body_weldid != 0))


def _first(model: mujoco.MjModel, body: int, kinds: tuple[int, ...]) -> int:
    geoms = np.flatnonzero((model.geom_bodyid == body) & np.isin(model.geom_type, kinds))
    return int(geoms[0])


def _named(spec: mujoco.MjSpec, values: dict[str, float], parameter: str) -> list[tuple[mujoco.MjsBody, float]]:
    """Return the bodies called so in the compiled model, each with its value."""
    bodies = dict(zip(unique_names([body.name for body in spec.bodies], "body"), spec.bodies, strict=True))
    stated = spec.compiler.inertiafromgeom != mujoco.mjtInertiaFromGeom.mjINERTIAFROMGEOM_TRUE
    for name in values:
        body = bodies[name]
        if any(part.frame is not None for part in (*body.joints, *body.bodies, *body.geoms, *body.sites)):
            raise EnvsError(f"{parameter}: {name!r} has parts in a <frame>; must have all in the body itself")
        if stated and body.explicitinertial:
            raise EnvsError(
                f"{parameter}: {name!r} states its own inertia; must come from its geoms, "
                "e.g. with <compiler inertiafromgeom='true'/>"
            )
    return [(bodies[name], scale) for name, scale in values.items()]
