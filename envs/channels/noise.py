"""White noise."""

from __future__ import annotations

from ..domain.streams import EpisodeDraws, StepNoise
from .stage import Array, Ids, Stage, StageRow

__all__ = ["Noise", "noise_row"]


class Noise(Stage):
    """Adds an independent normal number to every entry at every step."""

    def __init__(self, sd: Array, noise: StepNoise) -> None:
        """Add noise of standard deviation `sd`, (num_envs, dim) or (num_envs, 1)."""
        self._sd, self._noise = sd, noise

    def first(self, ids: Ids, rows: Array, draws: EpisodeDraws) -> Array:
        """Add noise from the episode's own stream."""
        return rows + self._sd[ids] * draws.of(self._noise.channel).standard_normal(rows.shape[1])

    def __call__(self, rows: Array) -> Array:
        """Add the step's noise."""
        return rows + self._sd * self._noise.standard_normal(*rows.shape)


def noise_row(parameter: str) -> StageRow:
    """Return the row of a channel that adds noise of standard deviation `parameter`."""
    return StageRow((parameter,), lambda w: Noise(w.values(parameter), w.streams.channel(parameter)))
