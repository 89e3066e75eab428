"""Stage: one imperfection on the way of a signal, for all worlds at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from ..domain.streams import EpisodeDraws, StepNoise, StepStreams
from ..physics.fields.parameters import PARAMETERS
from ..physics.physics import Physics
from ..worlds.worlds import Worlds

__all__ = ["Array", "Channel", "Ids", "Stage", "StageRow", "State", "Wiring"]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]
State = dict[str, NDArray[np.generic]]


class Stage:
    """What a signal goes through at every control step; this one changes nothing and remembers nothing.

    A stage holds live arrays of its parameters' values, (num_envs, dim) or (num_envs, 1), and reads them anew at
    every call, as they change when a world is drawn anew or a profile moves them. A world's row of what goes out
    depends on that world's row of what came in alone.
    """

    def memory(self) -> dict[str, NDArray[np.generic]]:
        """Return the live arrays that hold what is remembered; they are written to in place."""
        return {}

    def restart(self, ids: Ids, rows: Array) -> None:
        """Start an episode in the worlds `ids` (k,): before it, nothing but `rows` (k, dim) came in."""

    def steady(self, ids: Ids, rows: Array) -> Array:
        """Return what goes out of the worlds `ids` (k,) once `rows` (k, dim) have come in for long, noise aside."""
        return rows

    def first(self, ids: Ids, rows: Array, draws: EpisodeDraws) -> Array:
        """Start an episode and return what goes out for its first `rows` (k, dim)."""
        self.restart(ids, rows)
        return rows

    def __call__(self, rows: Array) -> Array:
        """Take in the `rows` (num_envs, dim) of a control step; return what goes out, the input left as it is."""
        return rows

    def get_state(self) -> State:
        """Return what is remembered, mid-episode."""
        return {name: values.copy() for name, values in self.memory().items()}

    def set_state(self, state: State) -> None:
        """Continue from what `get_state` returned."""
        for name, values in self.memory().items():
            values[...] = state[name]


@dataclass(frozen=True)
class Wiring:
    """What a stage is built from.

    Attributes:
        worlds: where the values of parameters live.
        streams: of noise within episodes.
        physics: the simulated worlds.
        dim: entries of the signal.
    """

    worlds: Worlds
    streams: StepStreams
    physics: Physics
    dim: int

    @property
    def num_envs(self) -> int:
        """Return the number of worlds."""
        return self.physics.num_envs

    def values(self, parameter: str) -> Array:
        """Return the parameter's live values, (num_envs, dim) or (num_envs, 1)."""
        return self.worlds.values(parameter)

    def noise(self, parameter: str) -> StepNoise | None:
        """Return the parameter's own stream, or None if it is ideal and needs none."""
        return None if self.is_ideal(parameter) else self.streams.channel(parameter)

    def longest(self, parameter: str) -> int:
        """Return the greatest value that a parameter which counts can take."""
        return ceil(self.worlds.support(parameter)[1])

    def is_ideal(self, parameter: str) -> bool:
        """Return whether the parameter always has the value at which it changes nothing."""
        ideal = float(PARAMETERS[parameter].ideal)  # type: ignore[union-attr]
        return self.worlds.support(parameter) == (ideal, ideal)


@dataclass(frozen=True)
class StageRow:
    """A row of a channel: the stage is there when any of `parameters` is not ideal."""

    parameters: tuple[str, ...]
    make: Callable[[Wiring], Stage]


class Channel:
    """The stages that a domain calls for, in order; an ideal channel has none, costs nothing and changes no bit."""

    def __init__(self, rows: Sequence[StageRow], wiring: Wiring) -> None:
        """Build the stages of those `rows` that are not ideal."""
        wanted = [row for row in rows if not all(map(wiring.is_ideal, row.parameters))]
        self.stages = {row.parameters[0]: row.make(wiring) for row in wanted}

    def restart(self, ids: Ids, rows: Array) -> None:
        """Start an episode in the worlds `ids` (k,), before which `rows` (k, dim) came in, the same for long."""
        for stage in self.stages.values():
            stage.restart(ids, rows)
            rows = stage.steady(ids, rows)

    def first(self, ids: Ids, rows: Array, draws: EpisodeDraws) -> Array:
        """Start an episode in the worlds `ids` (k,); return what comes out for its first `rows` (k, dim)."""
        for stage in self.stages.values():
            rows = stage.first(ids, rows, draws)
        return rows

    def __call__(self, signal: Array) -> Array:
        """Take in the signal (num_envs, dim) of a control step; return what comes out."""
        with np.errstate(invalid="ignore", over="ignore"):  # worlds with a fault may hold anything
            for stage in self.stages.values():
                signal = stage(signal)
        return signal

    def get_state(self) -> State:
        """Return what the stages remember."""
        return {f"{name}.{k}": v for name, stage in self.stages.items() for k, v in stage.get_state().items()}

    def set_state(self, state: State) -> None:
        """Continue from what `get_state` returned."""
        for name, stage in self.stages.items():
            stage.set_state({k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")})
