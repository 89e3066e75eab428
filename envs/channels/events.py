"""Events that befall single readings: dropouts and readings that are stuck.

An event begins with some probability p at a step, runs for n steps, and no other begins meanwhile. So runs of
sound readings are geometric, 1 / p - 1 steps long on average, and the share of readings that are hit is
n p / (n p + 1 - p). Source: Dulac-Arnold et al. 2021, Challenges of real-world reinforcement learning,
doi:10.1007/s10994-021-05961-4, the challenge of noisy and faulty sensors, with p = .01, .05, .1 and n = 1, 5, 10.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..domain.streams import EpisodeDraws, StepNoise
from .stage import Array, Ids, Stage, StageRow, Wiring

__all__ = ["Dropout", "Events", "Stuck", "event_row"]

Mask = NDArray[np.bool_]


class Events:
    """Which readings are hit at each step.

    Attributes:
        left: (num_envs, dim) steps for which the running event goes on; 0: there is none.
    """

    def __init__(self, probability: Array, length: Array, noise: StepNoise) -> None:
        """Begin with `probability` (num_envs, dim) and last for `length` (num_envs, dim) steps."""
        self._probability, self._length, self._noise = probability, length, noise
        self.left: Array = np.zeros(probability.shape)

    def begin(self, ids: Ids, draws: EpisodeDraws) -> Mask:
        """Start an episode in the worlds `ids` (k,); return which of its first readings are hit, (k, dim)."""
        begins = draws.of(self._noise.channel).random(self.left.shape[1]) < self._probability[ids]
        self.left[ids] = np.where(begins, self._length[ids] - 1, 0.0)
        return begins

    def step(self) -> Mask:
        """Return which readings are hit in the coming step, (num_envs, dim)."""
        begins = self._noise.random(*self.left.shape) < self._probability
        begins &= self.left <= 0
        np.copyto(self.left, self._length, where=begins)
        hit = self.left > 0
        self.left -= hit
        return hit


class Dropout(Stage):
    """Readings that are hit become 0."""

    def __init__(self, events: Events) -> None:
        """Drop what is hit."""
        self._events = events

    def memory(self) -> dict[str, NDArray[np.generic]]:
        """Return how long events go on, (num_envs, dim)."""
        return {"left": self._events.left}

    def first(self, ids: Ids, rows: Array, draws: EpisodeDraws) -> Array:
        """Return the first rows, those hit 0."""
        return np.where(self._events.begin(ids, draws), 0.0, rows)

    def __call__(self, rows: Array) -> Array:
        """Return the rows, those hit 0."""
        return np.where(self._events.step(), 0.0, rows)


class Stuck(Stage):
    """Readings that are hit stay what they last were."""

    def __init__(self, events: Events) -> None:
        """Hold what is hit."""
        self._events = events
        self._last: Array = np.zeros(events.left.shape)

    def memory(self) -> dict[str, NDArray[np.generic]]:
        """Return how long events go on, and what last went out, (num_envs, dim) each."""
        return {"left": self._events.left, "last": self._last}

    def first(self, ids: Ids, rows: Array, draws: EpisodeDraws) -> Array:
        """Return the first rows: there are none to repeat, but an event may begin."""
        self._events.begin(ids, draws)
        self._last[ids] = rows
        return rows

    def __call__(self, rows: Array) -> Array:
        """Return the rows, those hit as they last were."""
        np.copyto(self._last, rows, where=~self._events.step())
        return self._last.copy()


def event_row(parameter: str, make: Callable[[Events], Stage]) -> StageRow:
    """Return the row of a channel whose events have probability `parameter` and length `<parameter>_steps`."""

    def build(wiring: Wiring) -> Stage:
        values, length = wiring.values(parameter), wiring.values(f"{parameter}_steps")
        return make(Events(values, length, wiring.streams.channel(parameter)))

    return StageRow((parameter,), build)
