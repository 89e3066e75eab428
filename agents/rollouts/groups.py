"""Rows: the observation groups that an agent reads, side by side in one float32 vector a world.

Rollouts, replays and networks handle rows only; which columns belong to which group says the space. A group may be a
window over the last steps, see `history`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..errors import AgentsError, CheckpointError
from .history import HistoryWindow, WindowSpace

__all__ = ["POLICY", "PRIVILEGED", "GroupSpace", "RowBuilder", "RowLayout", "make_row_space"]

POLICY = "policy"
PRIVILEGED = "privileged"
Shown = Any  # an array (num, obs_dim) of the group `policy`, or a dictionary group -> (num, ...)


@dataclass(frozen=True)
class RowLayout:
    """Which groups an agent reads.

    Attributes:
        steps: group -> how many of the last steps it reads of it; 1: the newest observation.
        privileged: names of the entries of the group `privileged`, as they are in the source. A world that does not
            show the group, such as a target, is read without it.
    """

    steps: Mapping[str, int] = field(default_factory=lambda: {POLICY: 1})
    privileged: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Put `policy` first and `privileged`, which may be missing, last."""
        order = sorted(self.steps, key=lambda name: (name == PRIVILEGED, name != POLICY))
        object.__setattr__(self, "steps", {name: self.steps[name] for name in order})


class GroupSpace(spaces.Box):
    """Box (dim,) of rows that hold several groups.

    Attributes:
        groups: group -> its space, a WindowSpace where it is one; in the order of the columns.
        columns: group -> its columns.
        absent: group -> entries of a group that the agent knows and these worlds do not show; it has no columns.
    """

    def __init__(self, groups: Mapping[str, spaces.Box], absent: Mapping[str, int] | None = None) -> None:
        """Describe rows of `groups`."""
        self.groups, self.absent = dict(groups), dict(absent or {})
        self.columns: dict[str, slice] = {}
        start = 0
        for name, box in self.groups.items():
            self.columns[name] = slice(start, start + math.prod(box.shape))
            start = self.columns[name].stop
        low = np.concatenate([box.low.ravel() for box in self.groups.values()])
        high = np.concatenate([box.high.ravel() for box in self.groups.values()])
        super().__init__(low.astype(np.float32), high.astype(np.float32), dtype=np.float32)


def make_row_space(shown: spaces.Space[Any], action_space: spaces.Space[Any], layout: RowLayout) -> spaces.Box:
    """Return the space of rows of one world that shows `shown`: a Box, a WindowSpace, or, of more groups, a GroupSpace.

    Raises:
        AgentsError: for groups that are no Boxes, a `policy` that is no vector, or a group that is read and not shown.
    """
    groups = dict(shown.spaces) if isinstance(shown, spaces.Dict) else {POLICY: shown}
    rows: dict[str, spaces.Box] = {}
    absent: dict[str, int] = {}
    for name, steps in layout.steps.items():
        if name not in groups and name == PRIVILEGED and layout.privileged:
            absent[name] = len(layout.privileged)
            continue
        rows[name] = _one_group(name, groups, steps, action_space)
    if (box := rows.get(PRIVILEGED)) is not None and box.shape != (len(layout.privileged),):
        raise AgentsError(
            f"group {PRIVILEGED!r} has {box.shape[0]} entries here, the agent knows {len(layout.privileged)}: "
            f"{', '.join(layout.privileged) or 'none'}; name them all in its setting `privileged`"
        )
    return rows[POLICY] if len(layout.steps) == 1 else GroupSpace(rows, absent)


def _one_group(
    name: str, groups: Mapping[str, spaces.Space[Any]], steps: int, action_space: spaces.Space[Any]
) -> spaces.Box:
    """Return the space of one group's columns."""
    if name not in groups:
        raise AgentsError(f"the agent reads group {name!r}; the worlds show {', '.join(groups)}")
    box = groups[name]
    if not isinstance(box, spaces.Box) or (name == POLICY and len(box.shape) != 1):
        raise AgentsError(f"observations must be one vector (Box of one axis), not {box}; or a Dict with such a policy")
    plain = spaces.Box(box.low.astype(np.float32), box.high.astype(np.float32), dtype=np.float32)
    return plain if steps == 1 else WindowSpace(plain, action_space, steps)


class RowBuilder:
    """Makes rows out of what worlds show, step by step; it keeps the windows, and the newest observation."""

    def __init__(self, space: spaces.Space[Any], num_envs: int, *, privileged: bool = True) -> None:
        """Make rows of `space`, a policy's own; no episode has begun in any of `num_envs` worlds.

        `privileged` False: the group is left out, also where worlds show it.
        """
        self._groups = space.groups if isinstance(space, GroupSpace) else {POLICY: space}
        self._windows: dict[str, HistoryWindow] = {
            name: box.window(num_envs) for name, box in self._groups.items() if isinstance(box, WindowSpace)
        }
        self._newest = {name: np.zeros((num_envs, _dim(box)), np.float32) for name, box in self._groups.items()}
        self._shown = tuple(self._groups)
        self._hidden = () if privileged else (PRIVILEGED,)

    @property
    def remembers(self) -> bool:
        """Whether rows hold earlier steps of the episode."""
        return bool(self._windows)

    def begin(self, shown: Shown, ids: NDArray[np.intp] | None = None) -> None:
        """Start an episode in worlds `ids` (None: all) with what they show, (num_ids, ...) a group.

        Raises:
            AgentsError: when a group other than `privileged` is missing.
        """
        if ids is None:
            self._shown = tuple(name for name in _present(self._groups, shown) if name not in self._hidden)
        for name in self._shown:
            array = _of_group(shown, name)
            self._newest[name][slice(None) if ids is None else ids] = array
            if name in self._windows:
                self._windows[name].begin(array, ids)

    def push(self, actions: NDArray[Any], shown: Shown) -> None:
        """Take in a step of all worlds: `actions` (num_envs, action_dim) led to what they show now."""
        for name in self._shown:
            array = _of_group(shown, name)
            self._newest[name][:] = array
            if name in self._windows:
                self._windows[name].push(actions, array)

    def rows(self) -> NDArray[np.float32]:
        """Return a copy of all rows, (num_envs, dim); without the columns of a group that is not shown."""
        parts = [self._windows[n].window() if n in self._windows else self._newest[n] for n in self._shown]
        return np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0].copy()

    def imagine(self, obs: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the rows as they would be, were `obs` (num_envs, obs_dim) the newest observation of `policy`."""
        rows = self.rows()
        start = next(iter(self._groups)) == POLICY
        assert start, "the group `policy` comes first"
        columns = self._windows[POLICY].newest if POLICY in self._windows else slice(0, obs.shape[1])
        rows[:, columns] = obs
        return rows

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Return all that is needed to continue bit for bit."""
        state = {_key("obs", name): array for name, array in self._newest.items()}
        for name, window in self._windows.items():
            state |= {_key(key, name): array for key, array in window.get_state().items()}
        return state

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `get_state` returned; CheckpointError on what is missing or of another shape."""
        for name, array in self._newest.items():
            require_shape(state, _key("obs", name), array.shape)
        for name, window in self._windows.items():
            window.set_state({"window": state[key]} if (key := _key("window", name)) in state else {})
        for name, array in self._newest.items():
            array[:] = state[_key("obs", name)]


def require_shape(state: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...]) -> None:
    """Raise CheckpointError unless `state` has an array `name` of this `shape`."""
    if name not in state or state[name].shape != shape:
        found = state[name].shape if name in state else "missing"
        raise CheckpointError(f"state {name!r} must have shape {shape}, it is {found}: same num_envs?")


def _key(name: str, group: str) -> str:
    return name if group == POLICY else f"{name}.{group}"


def _dim(space: spaces.Space[Any]) -> int:
    return space.obs_dim if isinstance(space, WindowSpace) else math.prod(space.shape or ())


def _of_group(shown: Shown, name: str) -> NDArray[np.float32]:
    """Return one group as float32 (num, dim)."""
    array = np.asarray(shown[name] if isinstance(shown, Mapping) else shown, np.float32)
    return array if array.ndim == 2 else array.reshape(len(array), -1)


def _present(groups: Mapping[str, Any], shown: Shown) -> tuple[str, ...]:
    """Return the groups that are shown, in order."""
    known = tuple(shown) if isinstance(shown, Mapping) else (POLICY,)
    if missing := [name for name in groups if name not in known and name != PRIVILEGED]:
        raise AgentsError(f"the policy reads group {missing[0]!r}; the worlds show {', '.join(known)}")
    return tuple(name for name in groups if name in known)
