"""Observer: what the agent is shown of all worlds, group by group, through the sensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..channels import SensorChannel
from ..domain.streams import EpisodeDraws
from ..physics.physics import Physics
from ..tasks.groups import (
    POLICY,
    PRIVILEGED,
    Observation,
    group_space,
    observation_groups,
    observe,
    select_groups,
    sensed_names,
    sensed_row,
)
from ..tasks.task import Task
from ..worlds.worlds import Worlds
from .infos import fits

__all__ = ["Observer", "Shown"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Ids = NDArray[np.intp]
Shown = Any  # NDArray (num_envs, obs_dim) of the group `policy` alone, else a dictionary group -> (num_envs, ...)


class Observer:
    """The last observation of every world, and how the next one is made.

    Sensors act on all of the task's groups with names but `privileged`, also on those that are not shown: which groups
    an environment shows changes no random number.

    Attributes:
        groups: what is shown, by name.
        space: of one world's observation: a Box for the group `policy` alone, else a Dict.
        names: entries of what sensors show.
        reading: (num_envs, len(names)) what sensors measured in the last step.
        reading_fits: (num_envs,) where that is finite in single precision.
    """

    def __init__(
        self, task: Task, physics: Physics, worlds: Worlds, sensors: SensorChannel, wanted: Sequence[str] | None
    ) -> None:
        """Show the groups `wanted`; no episode has begun.

        Raises:
            EnvsError: for a group that is not there.
        """
        self._task, self._physics, self._worlds, self._sensors = task, physics, worlds, sensors
        self._known = observation_groups(task)
        self._parameters = list(worlds.domain.random_columns)
        self.groups = select_groups(task, worlds.domain.random_names, wanted)
        boxes: dict[str, spaces.Space[Any]] = {name: group_space(group) for name, group in self.groups.items()}
        self.space: spaces.Space[Any] = boxes[POLICY] if len(boxes) == 1 else spaces.Dict(boxes)
        self.names, num = sensed_names(task), physics.num_envs
        self.reading: Array = np.zeros((num, len(self.names)))
        self.reading_fits: Mask = np.ones(num, np.bool_)
        self._last: Observation = {n: np.zeros((num, *g.shape), g.dtype) for n, g in self.groups.items()}

    def begin(self, ids: Ids, draws: EpisodeDraws) -> Ids:
        """Observe the worlds `ids` (k,) at the start of an episode; return those in which that is not finite."""
        truth = {name: array[ids] for name, array in observe(self._task, self._physics).items()}
        sensed = self._sensors.begin(ids, sensed_row(self._known, _arrays(truth)), draws)
        for name, array in self._split(truth, sensed, ids).items():
            self._last[name][ids] = array
        return ids[self.broken({name: array[ids] for name, array in self._last.items()})]

    def step(self) -> Observation:
        """Observe all worlds after a step, and return what they show."""
        truth = {name: np.array(array) for name, array in observe(self._task, self._physics).items()}
        self.reading = sensed_row(self._known, _arrays(truth))
        self.reading_fits = np.asarray(fits(self.reading).all(axis=1))
        return self._split(truth, self._sensors(self.reading), slice(None))

    def _split(self, truth: Observation, sensed: Array, ids: Ids | slice) -> Observation:
        """Return the groups shown, of what the task shows and what its sensors make of that, `sensed` (k, dim)."""
        shown: Observation = {}
        start = 0
        for name, group in self._known.items():
            array = truth[name]
            if group.names and name != PRIVILEGED:
                whole = sensed.shape[1] == len(group.names)
                array = sensed if whole else sensed[:, start : start + len(group.names)]
                start += len(group.names)
            if name in self.groups:
                shown[name] = array
        if PRIVILEGED in self.groups and self._parameters:
            own = [shown[PRIVILEGED]] if PRIVILEGED in shown else []
            shown[PRIVILEGED] = np.concatenate([*own, self._worlds.drawn[ids][:, self._parameters]], axis=1)
        return shown

    @staticmethod
    def broken(shown: Mapping[str, NDArray[Any]]) -> Mask:
        """Return in which worlds something shown is not finite in single precision."""
        bad: Any = False
        for array in shown.values():
            if array.dtype.kind == "f":
                bad = bad | ~fits(array.reshape(len(array), -1)).all(axis=1)
        return np.asarray(bad)

    def keep(self, shown: Observation, still: Mask) -> None:
        """Make `shown` the last observation, but in the worlds of `still` (num_envs,), which keep theirs."""
        if still.any():
            for name, array in shown.items():
                array[still] = self._last[name][still]
        self._last = shown

    def last(self) -> Shown:
        """Return a copy of the last observation of all worlds, in the form of `space`."""
        copies = {name: array.copy() for name, array in self._last.items()}
        return copies[POLICY] if len(copies) == 1 else copies

    def entry(self, ids: Ids) -> str:
        """Return the name of the first entry that is not finite in the worlds `ids`; the group's where it has none."""
        for name, group in self.groups.items():
            array = self._last[name][ids].reshape(len(ids), -1)
            if array.dtype.kind == "f" and not fits(array).all():
                entry = int(np.argwhere(~fits(array))[0, 1])
                return group.names[entry] if group.names else name
        raise AssertionError("all observations are finite")

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the live arrays of a saved state."""
        return {"obs" if name == POLICY else f"obs.{name}": array for name, array in self._last.items()}

    def identity(self) -> tuple[str, ...]:
        """Return what a saved state must agree in: names of the policy's entries, then the other groups."""
        others = [f"{name}: {group.names or group.shape}" for name, group in self.groups.items() if name != POLICY]
        return (*self.groups[POLICY].names, *others)


def _arrays(truth: Observation) -> NDArray[Any] | Observation:
    """Return the array of the group `policy` where there is no other, else all groups."""
    return truth[POLICY] if len(truth) == 1 else truth
