"""What a task remembers from step to step: commands, clocks, goals; how it moves on, and how it is saved."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..domain.streams import StepNoise, StepStreams
from ..errors import EnvsError
from ..physics.physics import Physics
from .task import Task

__all__ = ["RemembersTask", "TaskMemory", "own_copy"]

State = dict[str, NDArray[np.generic]]


@runtime_checkable
class RemembersTask(Protocol):
    """What a task has beside Task's methods that remembers: a command to follow, a gait's clock, a goal.

    `reset` writes what the worlds `ids` remember; it is the first method to be called, so arrays can be made there for
    all `physics.num_envs` worlds. In a control step the order is physics, `reward`, `info`, `terminated`, `advance`,
    `observe`: rewards are for the command that the policy has seen, an observation shows the one that comes next.
    """

    def memory(self) -> dict[str, NDArray[Any]]:
        """Return the arrays themselves, name -> (num_envs, ...): saved states hold them, restoring writes into them."""
        ...


@runtime_checkable
class _Advances(Protocol):
    """A task with something that moves by itself."""

    def advance(self, physics: Physics, rng: StepNoise) -> None:
        """Move what is remembered on by a control step, in all worlds; worlds that stand still are put back.

        Args:
            physics: the worlds after the step.
            rng: the task's own stream, `random(num_envs, dim)` and `standard_normal(num_envs, dim)`: row i is world
                i's, and no other random number depends on it. Draw from it equally often in every step.
        """
        ...


def own_copy(task: Task) -> Task:
    """Return `task`, or a copy of it where it remembers: worlds side by side must not share what they remember.

    Raises:
        EnvsError: when it cannot be copied.
    """
    if not isinstance(task, RemembersTask | _Advances):
        return task
    try:
        return copy.deepcopy(task)
    except Exception as error:  # whatever the task holds is its author's
        raise EnvsError(
            f"{type(task).__name__}: remembers, so every environment takes a copy.deepcopy of it, which fails: "
            f"{type(error).__name__}: {error}"
        ) from error


class TaskMemory:
    """The memory of one environment's task; of a task without any, nothing.

    A generator of NumPy's would make what one world draws depend on the others, and its state is no array; so `advance`
    gets the task's row of the counter-based streams that channels draw from.
    """

    def __init__(self, task: Task, num_envs: int, streams: StepStreams) -> None:
        """Look at `task`, whose `reset` has been called.

        Raises:
            EnvsError: when `memory` returns no arrays (num_envs, ...), or copies.
        """
        self._task, self._num_envs = task, num_envs
        self._rng = streams.channel("task") if isinstance(task, _Advances) else None
        for name, array in (memory := self._arrays()).items():
            again = self._arrays()[name]
            if array.size and not np.shares_memory(array, again):
                raise EnvsError(
                    f"{type(task).__name__}.memory: {name!r} must be the array itself, into which a saved state is "
                    f"written, no copy; names: {', '.join(memory)}"
                )

    def _arrays(self) -> dict[str, NDArray[Any]]:
        if not isinstance(self._task, RemembersTask):
            return {}
        memory, num = self._task.memory(), self._num_envs
        rule = f"{type(self._task).__name__}.memory: must return a dict of names to arrays of numbers ({num}, ...)"
        if not isinstance(memory, Mapping):
            raise EnvsError(f"{rule}, num_envs first; got {type(memory).__name__}")
        for name, array in memory.items():
            if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub" or array.shape[:1] != (num,):
                kind = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
                raise EnvsError(f"{rule}, num_envs first; {name!r} is {kind}")
        return memory

    def advance(self, physics: Physics, still: NDArray[np.bool_]) -> None:
        """Move the memory on by a control step, but for the worlds in `still` (num_envs,)."""
        if self._rng is None:
            return
        assert isinstance(self._task, _Advances)
        kept = {name: array[still] for name, array in self._arrays().items()} if still.any() else {}
        self._task.advance(physics, self._rng)
        for name, array in self._arrays().items() if kept else ():
            array[still] = kept[name]

    def get_state(self) -> State:
        """Return a copy of every array."""
        return {name: array.copy() for name, array in self._arrays().items()}

    def set_state(self, state: State) -> None:
        """Continue from what `get_state` returned."""
        for name, array in self._arrays().items():
            array[:] = state[name]
