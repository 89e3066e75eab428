"""Random numbers of many worlds: every episode of every world has a stream of its own.

One Philox key a seed; the counter's upper words hold (purpose, episode, world), its lowest word runs. So
what a world draws depends on (seed, world, episode) alone: not on how many worlds there are, which of them
restart, in which order or on how many threads; and the whole state is one integer a world.
Source: Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3, doi:10.1145/2063384.2063405.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["EpisodeDraws", "EpisodeStreams", "StepNoise"]

_EPISODE, _STEP = 0, 1  # purposes: disjoint halves of the counter space
Ids = NDArray[np.intp]


def _bit_generator(seed: int) -> np.random.Philox:
    return np.random.Philox(np.random.SeedSequence(seed))


class EpisodeStreams:
    """The streams from which worlds draw at the start of an episode: their parameters and initial state."""

    def __init__(self, seed: int, num_envs: int) -> None:
        """Start every world before its first episode."""
        self.episode = np.full(num_envs, -1, np.int64)  # (num_envs,): running number of each world's episode
        self._bits = _bit_generator(seed)
        self._state = self._bits.state
        self._generator = np.random.Generator(self._bits)
        self.key = self._state["state"]["key"]  # (2,): what the seed became; live, as is `episode`

    def next_episode(self, ids: Ids, num_parameters: int = 0) -> EpisodeDraws:
        """Advance the worlds `ids` (n,) to their next episode and return their draws."""
        self.episode[ids] += 1
        return EpisodeDraws(self, ids, num_parameters)

    def generator(self, world: int, position: int) -> np.random.Generator:
        """Return the generator at block `position` of `world`'s episode; valid until the next call."""
        state = self._state
        state["state"]["counter"][:] = (position, _EPISODE, self.episode[world], world)
        state["buffer_pos"], state["has_uint32"] = 4, 0  # 4: nothing buffered, the next draw makes a block
        self._bits.state = state
        return self._generator


class EpisodeDraws:
    """Draws for some worlds; row i of every result comes from world ids[i]'s own stream.

    Attributes:
        parameters: (n, num_parameters) uniform numbers in [0, 1) set apart for the worlds' parameters, so
            that initial states are the same in every domain: source and target then start alike.
    """

    _SPACING = 1 << 20  # blocks of the counter left to one call: no two calls overlap
    _POOL = 64  # uniform numbers drawn at once: an initial state usually takes fewer

    def __init__(self, streams: EpisodeStreams, ids: Ids, num_parameters: int = 0) -> None:
        """Hold the worlds `ids` (n,)."""
        self._streams, self._ids, self._position = streams, ids.tolist(), 0
        drawn = self._draw(self._POOL + num_parameters)
        self._pool, self.parameters = drawn[:, : self._POOL], drawn[:, self._POOL :]

    def random(self, dim: int) -> NDArray[np.float64]:
        """Return uniform numbers in [0, 1), (n, dim)."""
        if self._pool.shape[1] < dim:
            self._pool = self._draw(max(dim, self._POOL))
        drawn, self._pool = self._pool[:, :dim], self._pool[:, dim:]
        return drawn

    def uniform(self, low: float, high: float, dim: int) -> NDArray[np.float64]:
        """Return uniform numbers in [low, high), (n, dim)."""
        return low + (high - low) * self.random(dim)

    def standard_normal(self, dim: int) -> NDArray[np.float64]:
        """Return standard normal numbers, (n, dim)."""
        out = np.empty((len(self._ids), dim))
        for row, generator in zip(out, self._generators(), strict=True):
            generator.standard_normal(out=row)
        return out

    def _draw(self, dim: int) -> NDArray[np.float64]:
        out = np.empty((len(self._ids), dim))
        for row, generator in zip(out, self._generators(), strict=True):
            generator.random(out=row)
        return out

    def _generators(self) -> Iterator[np.random.Generator]:
        """Yield each world's generator, at a part of its stream that no other call has."""
        position = self._position
        self._position += self._SPACING
        return (self._streams.generator(world, position) for world in self._ids)


class StepNoise:
    """The stream of noise within episodes: at every step one row for every world, used or not."""

    def __init__(self, seed: int) -> None:
        """Start at the first step."""
        self._bits = _bit_generator(seed)
        state = self._bits.state
        state["state"]["counter"][:] = (0, _STEP, 0, 0)
        self._bits.state = state
        self._generator = np.random.Generator(self._bits)

    def standard_normal(self, num_envs: int, dim: int) -> NDArray[np.float64]:
        """Return standard normal numbers, (num_envs, dim)."""
        return self._generator.standard_normal((num_envs, dim))

    def get_state(self) -> dict[str, NDArray[np.uint64]]:
        """Return the generator's state as arrays."""
        state = self._bits.state
        scalars = [state["buffer_pos"], state["has_uint32"], state["uinteger"]]
        return {
            "counter": state["state"]["counter"].copy(),
            "key": state["state"]["key"].copy(),
            "buffer": state["buffer"].copy(),
            "scalars": np.array(scalars, np.uint64),
        }

    def set_state(self, saved: dict[str, NDArray[np.uint64]]) -> None:
        """Continue from what `get_state` returned."""
        state = self._bits.state
        state["state"]["counter"] = saved["counter"].astype(np.uint64)
        state["state"]["key"] = saved["key"].astype(np.uint64)
        state["buffer"] = saved["buffer"].astype(np.uint64)
        state["buffer_pos"], state["has_uint32"], state["uinteger"] = (int(v) for v in saved["scalars"])
        self._bits.state = state
