"""Initial states: the model's own state with noise."""

from __future__ import annotations

from ..domain.streams import EpisodeDraws
from ..physics.physics import Physics
from .task import Ids

__all__ = ["add_normal_velocity", "add_uniform_position", "add_uniform_velocity"]


def add_uniform_position(physics: Physics, ids: Ids, draws: EpisodeDraws, scale: float) -> None:
    """Add uniform noise of +-`scale` to every entry of qpos in the worlds `ids` (n,)."""
    physics.qpos[ids] += draws.uniform(-scale, scale, physics.model.nq)


def add_uniform_velocity(physics: Physics, ids: Ids, draws: EpisodeDraws, scale: float) -> None:
    """Add uniform noise of +-`scale` to every entry of qvel in the worlds `ids` (n,)."""
    physics.qvel[ids] += draws.uniform(-scale, scale, physics.model.nv)


def add_normal_velocity(physics: Physics, ids: Ids, draws: EpisodeDraws, scale: float) -> None:
    """Add normal noise of standard deviation `scale` to every entry of qvel in the worlds `ids` (n,)."""
    physics.qvel[ids] += scale * draws.standard_normal(physics.model.nv)
