"""opt.gravity: how strong gravity is, and how far it is tilted, as on a slope."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..idle import Reasons, disabled, reasons_for
from ..nominal import Nominal
from ..parameter import ANY, NOT_NEGATIVE, Array, Ids, Rule, Writer
from ..physics import Physics

__all__ = ["Gravity", "GravityTilt"]


@dataclass(frozen=True)
class Gravity:
    """Size of gravity; its direction is the model's."""

    unit: str = "m/s^2"
    description: str = "size of gravity"
    rule: Rule = NOT_NEGATIVE
    fields: tuple[str, ...] = ("opt.gravity",)

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the one object: the world."""
        return ("*",)

    def idle(self, nominal: Nominal) -> Reasons:
        """Return why gravity does not act, if a flag of the model switches it off."""
        return reasons_for(("*",), disabled(nominal.model, "gravity"))

    def default(self, nominal: Nominal) -> Array:
        """Return the size of the model's gravity, (1,)."""
        return np.array([np.linalg.norm(nominal.model.opt.gravity)])

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what scales the model's vector; one that is zero points down."""
        vector = nominal.model.opt.gravity.copy()
        size = np.linalg.norm(vector)
        if size == 0:
            vector, size = np.array([0.0, 0.0, -1.0]), np.float64(1.0)
        gravity = physics.expand("opt.gravity")

        def write(ids: Ids, values: Array) -> None:
            gravity[ids] = vector * (values / size)

        return write

    def read(self, physics: Physics) -> Array:
        """Return its size, (num_envs, 1)."""
        size: Array = np.linalg.norm(physics.expand("opt.gravity"), axis=1, keepdims=True)
        return size


@dataclass(frozen=True)
class GravityTilt:
    """Rotation of gravity about the world's x axis or, after that, about its y axis; its size is kept.

    With gravity pointing down, a positive tilt about x pulls towards +y and one about y towards -x. Where
    the model has no gravity, or has it along the axis, there is nothing to tilt and no object.
    """

    axis: int
    unit: str = "rad"
    rule: Rule = ANY
    fields: tuple[str, ...] = ("opt.gravity",)

    @property
    def description(self) -> str:
        """Return what it is, in one line."""
        return f"rotation of gravity about the {'xy'[self.axis]} axis"

    @property
    def _plane(self) -> tuple[int, int]:
        """Return the two axes that turn, the first towards the second."""
        return ((1, 2), (2, 0))[self.axis]

    def objects(self, nominal: Nominal) -> tuple[str, ...]:
        """Return the world, if its gravity has a direction that the rotation changes."""
        return ("*",) if nominal.model.opt.gravity[list(self._plane)].any() else ()

    def idle(self, nominal: Nominal) -> Reasons:
        """Return why there is nothing to tilt."""
        none = "" if self.objects(nominal) else "the model's gravity has no part that this rotation turns"
        return reasons_for(("*",), disabled(nominal.model, "gravity") or none)

    def default(self, nominal: Nominal) -> Array:
        """Return 0."""
        return np.zeros(len(self.objects(nominal)))

    def writer(self, physics: Physics, nominal: Nominal) -> Writer:
        """Return what rotates the vector found."""
        gravity, (first, second) = physics.expand("opt.gravity"), self._plane

        def write(ids: Ids, values: Array) -> None:
            sin, cos = np.sin(values[:, 0]), np.cos(values[:, 0])
            a, b = gravity[ids, first], gravity[ids, second]
            gravity[ids, first], gravity[ids, second] = a * cos - b * sin, a * sin + b * cos

        return write

    def read(self, physics: Physics) -> Array:
        """Return the angle in -pi..pi, (num_envs, 1); 0 without gravity.

        The rotation about y keeps the y component, so that it determines the rotation about x before it:
        y = r cos(angle + phase) with y = r cos(phase) in the model. Of the two angles that fit, the smaller counts.
        """
        nominal, own = physics.model.opt.gravity, np.array(physics.expand("opt.gravity"))
        size = np.linalg.norm(own, axis=1) / max(np.linalg.norm(nominal), 1e-300)
        own /= np.maximum(size, 1e-300)[:, None]  # of the model's size
        radius, phase = np.hypot(nominal[1], nominal[2]), np.arctan2(nominal[2], nominal[1])
        around = np.arccos(np.clip(own[:, 1] / max(radius, 1e-300), -1, 1))
        angles = _wrap(np.stack((around - phase, -around - phase)))
        about_x = np.where(np.abs(angles[0]) <= np.abs(angles[1]), *angles)
        z = nominal[1] * np.sin(about_x) + nominal[2] * np.cos(about_x)
        about_y = _wrap(np.arctan2(own[:, 0], own[:, 2]) - np.arctan2(nominal[0], z))
        angle = (about_x, about_y)[self.axis]
        return np.where(size > 0, angle, 0.0)[:, None]


def _wrap(angle: Array) -> Array:
    """Return the angles in -pi..pi."""
    wrapped: Array = np.arctan2(np.sin(angle), np.cos(angle))
    return wrapped
