"""body_mass and body_inertia: how heavy a body is, how hard to turn, and what it carries."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..idle import Reasons, moved_bodies, unmoved_bodies
from ..nominal import Nominal, body_name, object_names
from ..parameter import NOT_NEGATIVE, POSITIVE, Array, Ids, Rule, Writer
from ..physics import Physics

__all__ = ["BodyInertia", "BodyMass", "Payload", "heavy_bodies", "moving_bodies", "turning_bodies"]

_SLIDES = "it only slides: no joint turns it, so its inertia never acts"


def moving_bodies(model: mujoco.MjModel) -> Ids:
    """Return the bodies (n,) that a joint moves: mass of those fixed to the world, or of mocap bodies, never acts."""
    return np.flatnonzero(moved_bodies(model))


def heavy_bodies(model: mujoco.MjModel) -> Ids:
    """Return the moving bodies (n,) that have mass."""
    return np.flatnonzero(moved_bodies(model) & (model.body_mass > 0))


def turning_bodies(model: mujoco.MjModel) -> NDArray[np.bool_]:
    """Return which bodies can turn relative to the world, (nbody,)."""
    turns = np.zeros(model.nbody, np.bool_)
    turns[model.jnt_bodyid[model.jnt_type != mujoco.mjtJoint.mjJNT_SLIDE]] = True
    for body in range(1, model.nbody):  # a parent comes before its children
        turns[body] |= turns[model.body_parentid[body]]
    return turns


def _massless(nominal: Nominal, why: str) -> Reasons:
    """Return why bodies that never move, and moving ones without mass, are no objects."""
    model, names = nominal.model, object_names(nominal.model, "body")
    light = np.flatnonzero(moved_bodies(model) & (model.body_mass <= 0))
    return {**unmoved_bodies(model, names), **{names[i]: f"it has no mass{why}" for i in light}}


@dataclass(frozen=True)
class BodyMass:
    """Mass of a body; its inertia scales along, as when the material's density changes."""

    unit: str = "kg"
    description: str = "mass of a body, its inertia in proportion"
    rule: Rule = POSITIVE
    fields: tuple[str, ...] = ("body_mass", "body_inertia")

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the moving bodies that have mass."""
        return tuple(body_name(nominal.model, i) for i in heavy_bodies(nominal.model))

    def idle(self, nominal: Nominal) -> Reasons:
        """Return why the other bodies are no objects."""
        return _massless(nominal, "; a payload can give it some")

    def default(self, nominal: Nominal) -> Array:
        """Return their masses."""
        return np.array(nominal.model.body_mass[heavy_bodies(nominal.model)])

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what writes the mass and scales the inertia found."""
        bodies = heavy_bodies(nominal.model)
        mass, inertia = physics.expand("body_mass"), physics.expand("body_inertia")
        default = nominal.model.body_mass[bodies]

        def write(ids: Ids, values: Array) -> None:
            cells = ids[:, None], bodies
            mass[cells] = values
            inertia[cells] *= (values / default)[:, :, None]

        return write

    def read(self, physics: Physics) -> Array:
        """Return the masses in use, a payload included."""
        return np.array(physics.expand("body_mass")[:, heavy_bodies(physics.model)])


@dataclass(frozen=True)
class BodyInertia:
    """Inertia of a body alone, its mass kept, as when the same mass sits further out."""

    unit: str = "fraction of the model's"
    description: str = "rotational inertia of a body, its mass kept"
    rule: Rule = POSITIVE
    fields: tuple[str, ...] = ("body_inertia",)

    def _ids(self, model: mujoco.MjModel) -> Ids:
        bodies = heavy_bodies(model)
        turning: Ids = bodies[(model.body_inertia[bodies] > 0).any(axis=1) & turning_bodies(model)[bodies]]
        return turning

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the bodies that have inertia and can turn."""
        return tuple(body_name(nominal.model, i) for i in self._ids(nominal.model))

    def idle(self, nominal: Nominal) -> Reasons:
        """Return why the other bodies are no objects."""
        model, names = nominal.model, object_names(nominal.model, "body")
        slides = moved_bodies(model) & ~turning_bodies(model)
        return {**_massless(nominal, ""), **{names[i]: _SLIDES for i in np.flatnonzero(slides)}}

    def default(self, nominal: Nominal) -> Array:
        """Return 1 for each."""
        return np.ones(len(self._ids(nominal.model)))

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what scales the inertia found."""
        bodies, inertia = self._ids(nominal.model), physics.expand("body_inertia")

        def write(ids: Ids, values: Array) -> None:
            inertia[ids[:, None], bodies] *= values[:, :, None]

        return write

    def read(self, physics: Physics) -> Array:
        """Return the inertia in use over the model's; a changed mass is part of it."""
        bodies = self._ids(physics.model)
        size = physics.expand("body_inertia")[:, bodies].sum(axis=2)
        return np.array(size / physics.model.body_inertia[bodies].sum(axis=1))


@dataclass(frozen=True)
class Payload:
    """A point mass fixed at the centre of mass of a body, where it adds to the mass and to nothing else."""

    unit: str = "kg"
    description: str = "mass carried at a body's centre of mass"
    rule: Rule = NOT_NEGATIVE
    fields: tuple[str, ...] = ("body_mass",)

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the moving bodies."""
        return tuple(body_name(nominal.model, i) for i in moving_bodies(nominal.model))

    def idle(self, nominal: Nominal) -> Reasons:
        """Return why the other bodies are no objects."""
        return unmoved_bodies(nominal.model, object_names(nominal.model, "body"))

    def default(self, nominal: Nominal) -> Array:
        """Return 0 for each."""
        return np.zeros(len(moving_bodies(nominal.model)))

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what adds to the mass found."""
        bodies, mass = moving_bodies(nominal.model), physics.expand("body_mass")

        def write(ids: Ids, values: Array) -> None:
            mass[ids[:, None], bodies] += values

        return write

    def read(self, physics: Physics) -> Array:
        """Return the mass in use beyond the model's, whatever put it there."""
        bodies = moving_bodies(physics.model)
        return np.array(physics.expand("body_mass")[:, bodies] - physics.model.body_mass[bodies])
