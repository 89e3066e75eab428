"""opt.gravity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..nominal import Nominal
from ..parameter import NOT_NEGATIVE, Array, Ids, Rule, Writer
from ..physics import Physics

__all__ = ["Gravity"]


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
