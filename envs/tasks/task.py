"""Task: what is asked of the robot. Arrays of all worlds at once; no Python loop over worlds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..domain.streams import EpisodeDraws, EpisodeStreams
from ..errors import EnvsError
from ..physics.fidelity import Fidelity
from ..physics.physics import Physics
from .groups import observation_groups

__all__ = [
    "Ids",
    "Measured",
    "Task",
    "check_arrays",
    "make_action_space",
    "make_physics",
    "reward_terms",
    "truncated_by",
]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]
Measured = Mapping[str, Array]


class Task(Protocol):
    """A model, where episodes start, what is observed and rewarded, and when it is over.

    A task may also have

    - `truncated(physics)`, as `terminated`: see `truncated_by`;
    - `reset_info(physics)`: named quantities to report at the start of an episode, as `info`'s;
    - `memory()` and `advance(physics, rng)`: see `tasks.memory`;
    - `observation_groups()` in the place of `observation_names`: see `tasks.groups`. `observe` then returns a
      dictionary, group -> (num_envs, ...).

    Arrays that it is given are its own. Worlds get a copy of a task that remembers.

    Attributes:
        frame_skip: simulation steps in a control step at the model's own timestep.
        max_episode_steps: control steps after which an episode is truncated.
        cheap: the fidelity for fast pretraining.
        observation_names: name of every entry of the observation, (obs_dim,).
    """

    frame_skip: int
    max_episode_steps: int
    cheap: Fidelity

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Return the name of every entry of the observation."""
        ...

    def spec(self) -> mujoco.MjSpec:
        """Return a new spec of the nominal model."""
        ...

    def reset(self, physics: Physics, ids: Ids, draws: EpisodeDraws) -> None:
        """Write an initial state into the worlds `ids` (n,), which hold the model's default state."""
        ...

    def observe(self, physics: Physics) -> Array:
        """Return observations, (num_envs, obs_dim), in an array of its own; or a dictionary of them by group."""
        ...

    def measure(self, physics: Physics) -> Measured:
        """Return the named quantities that rewards compare before and after a step, (num_envs,) copies."""
        ...

    def reward(
        self, before: Measured, after: Measured, physics: Physics, action: NDArray[np.floating]
    ) -> dict[str, Array]:
        """Return the named reward terms, each (num_envs,); the reward is their sum in this order.

        Args:
            before: `measure` before the step.
            after: `measure` after it.
            physics: the worlds after the step.
            action: (num_envs, act_dim) as the agent gave it, before any actuator channel.
        """
        ...

    def info(self, before: Measured, after: Measured, physics: Physics) -> dict[str, Array]:
        """Return further named quantities to report, each (num_envs,)."""
        ...

    def terminated(self, physics: Physics) -> NDArray[np.bool_]:
        """Return which worlds have reached an end that lies in the task, (num_envs,)."""
        ...


def reward_terms(task: Task, physics: Physics) -> tuple[str, ...]:
    """Return the names of the terms that `task.reward` returns, in its order."""
    measured = task.measure(physics)
    with np.errstate(all="ignore"):  # the worlds may hold any state
        terms = task.reward(measured, measured, physics, np.zeros((physics.num_envs, len(physics.action_names))))
    return tuple(terms)


def truncated_by(task: Task, physics: Physics) -> NDArray[np.bool_] | None:
    """Return in which worlds `task` itself cuts the episode, (num_envs,); None if it has no method `truncated`.

    That is for environments that come with a limit of their own: an episode that is cut has not reached an end.
    """
    own = getattr(task, "truncated", None)
    return np.array(own(physics)) if callable(own) else None


@runtime_checkable
class _BringsPhysics(Protocol):
    """A task whose worlds are not stepped by mujoco.batch."""

    def make_physics(
        self, num_envs: int, fidelity: Fidelity, num_threads: int, max_episode_steps: int | None
    ) -> Physics: ...


def make_physics(
    task: Task, num_envs: int, fidelity: Fidelity, num_threads: int, max_episode_steps: int | None
) -> Physics:
    """Return the worlds that `task` is asked in, its own kind if it has a `make_physics`.

    Args:
        task: whose model.
        num_envs: number of worlds.
        fidelity: how accurately they are integrated.
        num_threads: threads that step worlds; 0 means all cores this process may use.
        max_episode_steps: the longest episode; None: no limit.

    Raises:
        EnvsError: when the model cannot be loaded, the fidelity does not fit or a size is not positive.
    """
    if isinstance(task, _BringsPhysics):
        return task.make_physics(num_envs, fidelity, num_threads, max_episode_steps)
    owner = type(task).__name__
    _check_attributes(task, owner)
    try:
        spec = task.spec()
    except (Exception, SystemExit) as error:  # whatever the task raises is its author's to read
        kind = "" if isinstance(error, EnvsError) else f"{type(error).__name__}: "
        raise EnvsError(f"{owner}: its model cannot be loaded: {kind}{error}") from error
    if not isinstance(spec, mujoco.MjSpec):
        raise EnvsError(f"{owner}.spec: must return a mujoco.MjSpec, got {type(spec).__name__}")
    return Physics(spec, num_envs, frame_skip=task.frame_skip, fidelity=fidelity, num_threads=num_threads)


def _check_attributes(task: Task, owner: str) -> None:
    """Raise EnvsError naming the first attribute that is not what Task says."""
    for name in ("frame_skip", "max_episode_steps"):
        value = getattr(task, name)
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise EnvsError(f"{owner}.{name}: must be a whole number >= 1, got {value!r}")
    if not callable(getattr(task, "observation_groups", None)):
        names = task.observation_names
        if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names) or not names:
            raise EnvsError(f"{owner}.observation_names: must be a tuple of names, got {names!r}")
    if not isinstance(task.cheap, Fidelity):
        raise EnvsError(f"{owner}.cheap: must be a Fidelity, got {task.cheap!r}")


def make_action_space(task: Task, physics: Physics) -> spaces.Box:
    """Return the space of one world's actions, (act_dim,) float32.

    Raises:
        EnvsError: when there is nothing to act with, or an action has no room between its bounds.
    """
    low, high = physics.action_bounds
    if not low.size:
        raise EnvsError(f"{type(task).__name__}: its model has no actuators: there is nothing to act with")
    if unbounded := [name for name, empty in zip(physics.action_names, low >= high, strict=True) if empty]:
        raise EnvsError(
            f"actions {', '.join(unbounded)} have no room between their bounds; give each actuator a ctrlrange"
        )
    return spaces.Box(low, high, dtype=np.float32)


def check_arrays(task: Task, physics: Physics) -> None:
    """Call each method of `task` once, and check what kind of arrays are returned.

    So a wrong shape is reported by name, not by an error of NumPy's somewhere in a step. Values do not
    matter: the worlds may hold any state, and actions are zero. The state is left as it is: episodes are begun in all
    worlds but the first, and that is undone. A task that brings its own worlds is not asked to.

    Args:
        task: what is asked.
        physics: the worlds it is asked in.

    Raises:
        EnvsError: naming class and method, what it must return and what it returned or raised.
    """
    owner, num = type(task).__name__, physics.num_envs

    def call(method: str, *arguments: Any) -> Any:
        try:
            with np.errstate(all="ignore"):
                return getattr(task, method)(*arguments)
        except (Exception, SystemExit) as error:  # whatever the task raises is its author's to read
            raise EnvsError(f"{owner}.{method}: raises {type(error).__name__}: {error}") from error

    if not isinstance(task, _BringsPhysics):
        ids, state = np.arange(num)[min(num - 1, 1) :], physics.get_state()
        physics.reset(ids)
        call("reset", physics, ids, EpisodeStreams(0, num).next_episode(ids))
        physics.set_state(state)
    _check_observation(f"{owner}.observe", task, call("observe", physics), num)
    measured = call("measure", physics)
    _check_named(f"{owner}.measure", measured, num, exact=False)
    action = np.zeros((num, len(physics.action_names)), np.float32)
    _check_named(f"{owner}.reward", call("reward", measured, measured, physics, action), num, exact=True)
    _check_named(f"{owner}.info", call("info", measured, measured, physics), num, exact=False)
    if hasattr(task, "reset_info"):
        _check_named(f"{owner}.reset_info", call("reset_info", physics), num, exact=False)
    for end in ("terminated", "truncated"):
        if callable(getattr(task, end, None)):  # the second is optional
            _check_array(f"{owner}.{end}", call(end, physics), (num,), "b", "num_envs")


_KINDS = {
    "f": "floating-point numbers",
    "b": "bool",
    "u": "unsigned integers",
    "i": "integers",
}  # NumPy's letters for kinds of dtypes


def _check_observation(place: str, task: Task, shown: Any, num_envs: int) -> None:
    """Check what `observe` returned: an array for `observation_names`, one of each group for `observation_groups`."""
    groups = observation_groups(task)
    if not callable(getattr(task, "observation_groups", None)):
        what = "num_envs and the number of observation_names"
        _check_array(place, shown, (num_envs, len(task.observation_names)), "f", what)
        return
    if not isinstance(shown, Mapping) or shown.keys() != groups.keys():
        found = ", ".join(map(str, shown)) if isinstance(shown, Mapping) else _kind_of(shown)
        raise EnvsError(f"{place}: must return a dict with the groups {', '.join(groups)}, got {found}")
    for name, group in groups.items():
        kind = np.dtype(group.dtype).kind
        what = f"num_envs and the shape of group {name!r}"
        _check_array(f"{place}: {name!r}", shown[name], (num_envs, *group.shape), kind, what)


def _check_array(place: str, value: Any, shape: tuple[int, ...], kinds: str, what: str) -> None:
    right = isinstance(value, np.ndarray) and value.shape == shape and value.dtype.kind in kinds
    if not right:
        raise EnvsError(f"{place}: must return an array of {_KINDS[kinds]} {shape}, {what}; got {_kind_of(value)}")


def _check_named(place: str, value: Any, num_envs: int, *, exact: bool) -> None:
    """Check a mapping of names to arrays (num_envs,), or (num_envs, ...) unless `exact`."""
    if not isinstance(value, Mapping):
        raise EnvsError(f"{place}: must return a dict of names to arrays, got {_kind_of(value)}")
    shape = f"({num_envs},)" if exact else f"({num_envs}, ...)"
    for name, array in value.items():
        right = isinstance(array, np.ndarray) and array.dtype.kind in "fiub" and array.shape[:1] == (num_envs,)
        if not right or (exact and array.ndim > 1):
            raise EnvsError(f"{place}: {name!r} must be an array of numbers {shape}, num_envs; got {_kind_of(array)}")


def _kind_of(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
