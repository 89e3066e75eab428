"""Random numbers of many worlds: every episode of every world has a stream of its own, every channel too.

One Philox key a seed; the counter's upper words say what for, its lowest word runs:

- `EpisodeStreams`, (purpose, episode, world): what a world draws at the start of an episode depends on (seed,
  world, episode) alone, and the whole state is one integer a world.
- `StepNoise`, (purpose, step, 0): the noise of one channel in one step, world after world, so that a world's row
  depends on (seed, channel, world, number of the step since the seed was set), and the state is one integer.

So neither depends on how many worlds there are, which of them restart, in which order or on how many threads.
Source: Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3, doi:10.1145/2063384.2063405.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy

import numpy as np
from numpy.typing import NDArray

__all__ = ["CHANNELS", "EpisodeDraws", "EpisodeStreams", "StepNoise", "StepStreams"]

# Who draws at every step. The order is that of the streams: new ones come last.
CHANNELS = (
    "action_noise",
    "observation_noise",
    "profiles",
    "action_jitter",
    "observation_jitter",
    "observation_drift_noise",
    "observation_stuck",
    "observation_dropout",
    "push_impulse",
    "gust_force",
    "control_jitter",
    "task",
)
_EPISODE = 0  # purposes: disjoint parts of the counter space, 0 and one for each channel
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
    _CHANNEL = 1 << 40  # blocks left to everyone who draws at the start of an episode: the task, and each channel
    _POOL = 64  # uniform numbers drawn at once: an initial state usually takes fewer

    def __init__(self, streams: EpisodeStreams, ids: Ids, num_parameters: int = 0) -> None:
        """Hold the worlds `ids` (n,)."""
        self._streams, self._ids, self._position = streams, ids.tolist(), 0
        drawn = self._draw(self._POOL + num_parameters)
        self._pool, self.parameters = drawn[:, : self._POOL], drawn[:, self._POOL :]

    def of(self, channel: str) -> EpisodeDraws:
        """Return draws for the same worlds that are those of `channel`, one of CHANNELS, whoever else draws."""
        own = copy(self)
        own._position = self._CHANNEL * (1 + CHANNELS.index(channel))
        own._pool = own.parameters = np.empty((len(self._ids), 0))
        return own

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
    """The stream of one channel's noise within episodes: at every step one row for every world, used or not.

    Attributes:
        channel: whose it is, one of CHANNELS.
    """

    def __init__(self, seed: int, channel: str) -> None:
        """Start at the first step of `channel`, one of CHANNELS."""
        self.channel = channel
        self._purpose = 1 + CHANNELS.index(channel)
        self._bits = _bit_generator(seed)
        self._state = self._bits.state
        self._generator = np.random.Generator(self._bits)
        self._key = self._state["state"]["key"]  # (2,): what the seed became; live
        self._step = np.zeros(1, np.int64)  # (1,): steps drawn so far

    def standard_normal(self, num_envs: int, dim: int) -> NDArray[np.float64]:
        """Return the next step's standard normal numbers, (num_envs, dim)."""
        return self._next_step().standard_normal((num_envs, dim))

    def _next_step(self) -> np.random.Generator:
        """Return the generator at the next step's own counter.

        Rows follow one another, so more worlds only add rows.
        """
        state = self._state
        state["state"]["counter"][:] = (0, self._purpose, self._step[0], 0)
        state["buffer_pos"], state["has_uint32"] = 4, 0  # 4: nothing buffered, the next draw makes a block
        self._bits.state = state
        self._step += 1
        return self._generator

    def random(self, num_envs: int, dim: int) -> NDArray[np.float64]:
        """Return the next step's uniform numbers in [0, 1), (num_envs, dim)."""
        return self._next_step().random((num_envs, dim))

    def restart(self, seed: int) -> None:
        """Start anew from another seed, for everyone who holds this stream."""
        self._key[:], self._step[:] = _bit_generator(seed).state["state"]["key"], 0

    def get_state(self) -> dict[str, NDArray[np.generic]]:
        """Return key and step."""
        return {"key": self._key.copy(), "step": self._step.copy()}

    def set_state(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Continue from what `get_state` returned."""
        self._key[:], self._step[:] = state["key"], state["step"]


class StepStreams:
    """The streams of all channels that draw within episodes."""

    def __init__(self, seed: int) -> None:
        """Start all of them from one seed."""
        self._seed = seed
        self._channels: dict[str, StepNoise] = {}

    def channel(self, name: str) -> StepNoise:
        """Return the stream of `name`, one of CHANNELS: the same one whoever asks."""
        if name not in self._channels:
            self._channels[name] = StepNoise(self._seed, name)
        return self._channels[name]

    def restart(self, seed: int) -> None:
        """Start anew from another seed, for everyone who holds a stream."""
        self._seed = seed
        for noise in self._channels.values():
            noise.restart(seed)

    def get_state(self) -> dict[str, NDArray[np.generic]]:
        """Return the state of every stream in use."""
        return {f"{name}.{k}": v for name, noise in self._channels.items() for k, v in noise.get_state().items()}

    def set_state(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Continue from what `get_state` returned."""
        for name, noise in self._channels.items():
            noise.set_state({k: state[f"{name}.{k}"] for k in noise.get_state()})
