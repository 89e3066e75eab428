"""Observation groups: what a task shows, sorted by who may see it.

The group `policy` is what acts on the robot. `privileged` is what only a simulator knows: the task's own entries, then
the world's random parameters. Any other group (a height scan, a camera) is up to the task. The names follow rsl_rl and
mjlab.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from numpy.typing import DTypeLike, NDArray

from ..errors import EnvsError, unknown_name
from ..physics.physics import Physics

if TYPE_CHECKING:
    from .task import Task

__all__ = [
    "POLICY",
    "PRIVILEGED",
    "Group",
    "as_vector",
    "group_space",
    "observation_groups",
    "observe",
    "privileged_names",
    "select_groups",
    "sensed_names",
    "sensed_row",
]

POLICY = "policy"
PRIVILEGED = "privileged"
Observation = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Group:
    """One group of a task's observations: a vector of named entries, or an array of a shape, such as an image.

    Attributes:
        names: name of every entry of a vector, (dim,); observations are float64.
        shape: of one world's array, where there are no names.
        dtype: of that array.
        low: its least value; as `high`, of gymnasium's Box.
        high: its greatest value.
    """

    names: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    dtype: DTypeLike = np.float64
    low: float = -np.inf
    high: float = np.inf

    def __post_init__(self) -> None:
        """Raise EnvsError unless there are either names, each once, or a shape."""
        names = tuple(self.names)
        if bool(names) == bool(self.shape) or not all(isinstance(name, str) for name in names):
            raise EnvsError(f"Group: give the names of its entries, or the shape of its array; got {self}")
        if len(set(names)) < len(names):
            raise EnvsError(f"Group: {sorted({n for n in names if names.count(n) > 1})} are named twice")
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "shape", tuple(self.shape) or (len(names),))


def group_space(group: Group) -> spaces.Box:
    """Return the space of one world's observations of `group`."""
    return spaces.Box(group.low, group.high, group.shape, group.dtype)  # type: ignore[arg-type]


def observation_groups(task: Task) -> dict[str, Group]:
    """Return the groups that `task` shows, `policy` first and `privileged` last, by name.

    A task with a method `observation_groups` names them, and its `observe` returns a dictionary of arrays. One without
    shows a single vector, of its `observation_names`: the group `policy`.

    Raises:
        EnvsError: when they are no groups, `policy` is missing or has no names, or two entries share a name.
    """
    own = getattr(task, "observation_groups", None)
    if not callable(own):
        return {POLICY: Group(task.observation_names)}
    groups, place = own(), f"{type(task).__name__}.observation_groups"
    if not isinstance(groups, Mapping) or not all(isinstance(group, Group) for group in groups.values()):
        raise EnvsError(f"{place}: must return a dict of names to envs.Group, got {groups!r}")
    if POLICY not in groups or not groups[POLICY].names:
        raise EnvsError(f"{place}: needs a group {POLICY!r} with names, it is what acts; got {', '.join(groups)}")
    if bad := [name for name in groups if not name.isidentifier()]:
        raise EnvsError(f"{place}: {bad[0]!r} must be a name of letters, digits and underscores")
    ordered = sorted(groups, key=lambda name: (name == PRIVILEGED, name != POLICY))  # stable: else as the task says
    names = [entry for name in ordered for entry in groups[name].names]
    if twice := sorted({entry for entry in names if names.count(entry) > 1}):
        raise EnvsError(f"{place}: {', '.join(twice)} stand in two groups; entries need names of their own")
    return {name: groups[name] for name in ordered}


def select_groups(task: Task, parameters: Sequence[str], wanted: Sequence[str] | None) -> dict[str, Group]:
    """Return the groups that an environment of `task` shows, in order.

    Args:
        task: whose observations.
        parameters: names of the world's random parameters, which follow the task's own entries of `privileged`.
        wanted: names of groups; None: all that the task itself has but `privileged`, which no robot shows.

    Raises:
        EnvsError: for a group that is not there, or `privileged` where nothing is.
    """
    groups = observation_groups(task)
    known = groups.get(PRIVILEGED)
    if (names := (*(known.names if known else ()), *parameters)) and (known is None or known.names):
        groups[PRIVILEGED] = Group(names)
    if wanted is None:
        return {name: group for name, group in groups.items() if name != PRIVILEGED}
    for name in wanted:
        if name == PRIVILEGED and name not in groups:
            raise EnvsError(
                f"groups: nothing is {PRIVILEGED!r} here: the task has no such group and the domain no random "
                "parameter; give one a distribution, e.g. body_mass: {scale: {uniform: [0.8, 1.2]}}"
            )
        if name not in groups:
            raise EnvsError(f"groups: {unknown_name('observation group', name, groups)}")
    if POLICY not in wanted:
        raise EnvsError(f"groups: {POLICY!r} must be among them, got {', '.join(wanted)}")
    return {name: group for name, group in groups.items() if name in wanted}


def privileged_names(task: Task, parameters: Sequence[str]) -> tuple[str, ...]:
    """Return the entries of `privileged` where the random parameters of worlds have these names; () for none."""
    group = select_groups(task, parameters, None).get(PRIVILEGED)
    return group.names if group is not None else tuple(parameters)


def sensed_names(task: Task) -> tuple[str, ...]:
    """Return the entries that sensors show: those of all groups with names but `privileged`, in order."""
    groups = observation_groups(task)
    return tuple(entry for name, group in groups.items() if name != PRIVILEGED for entry in group.names)


def sensed_row(groups: Mapping[str, Group], observation: NDArray[Any] | Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Return what sensors show of an observation, (num_envs, dim); of one that is a single vector, that itself."""
    if isinstance(observation, np.ndarray):
        return observation
    rows = [observation[name] for name, group in groups.items() if name != PRIVILEGED and group.names]
    return rows[0] if len(rows) == 1 else np.concatenate(rows, axis=1)


def observe(task: Task, physics: Physics) -> Observation:
    """Return what `task` shows of all worlds, group -> (num_envs, ...)."""
    shown: Any = task.observe(physics)
    return dict(shown) if isinstance(shown, Mapping) else {POLICY: shown}


class _AsVector:
    """A task of several groups seen as one vector, that of its sensors; mixed into a class of its own."""

    observation_groups = None

    @property
    def observation_names(self) -> tuple[str, ...]:
        """The entries of all groups that sensors show."""
        return sensed_names(self._whole())

    def observe(self, physics: Physics) -> NDArray[Any]:
        """Return them, (num_envs, dim)."""
        whole = self._whole()
        return sensed_row(whole.observation_groups(), super().observe(physics)).copy()  # type: ignore[misc]

    def _whole(self) -> Any:
        """Return the task by its own class; it shares all attributes."""
        whole = copy.copy(self)
        whole.__class__ = type(self).__mro__[2]
        return whole


def as_vector(task: Task) -> Task:
    """Return `task`, or, where it shows several groups, a shallow copy that shows what its sensors do as one vector.

    Gates and probes of sensors look at that.
    """
    if not callable(getattr(task, "observation_groups", None)):
        return task
    seen = copy.copy(task)
    seen.__class__ = type(type(task).__name__, (_AsVector, type(task)), {})
    return seen
