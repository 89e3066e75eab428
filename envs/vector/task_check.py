"""check_task: does a task continue bit for bit from a saved state, and if not, what does its `memory()` lack?"""

from __future__ import annotations

import copy
import dataclasses
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..domain.domain import Domain
from ..errors import EnvsError
from ..tasks.memory import own_copy
from ..tasks.task import Task
from .vector_env import DomainVectorEnv

__all__ = ["check_task"]

_logger = logging.getLogger(__name__)

_NUM_ENVS, _LIMIT = 3, 7  # worlds, and control steps of an episode: some end before the state is saved, some after
_BEFORE, _AFTER = 10, 12  # control steps before the state is saved, and after


def check_task(task: Task) -> None:
    """Run a few worlds of `task`, save them mid-episode, restore the state in other worlds, and compare both.

    `task` is left as it is: worlds get copies of it. What changes results only later than 12 control steps after a
    restore is not seen, nor what a task keeps outside its own attributes, nor one that cannot be copied.

    Raises:
        EnvsError: when a returned array is wrong, when `memory` does not return the arrays themselves, when the task
            has a random generator of its own, or when the restored worlds go on differently; then it names the
            attributes that `memory` lacks.
    """
    try:
        one, other = copy.deepcopy(task), copy.deepcopy(task)
    except Exception as error:  # whatever the task holds is its author's
        own_copy(task)  # says so where the task remembers
        _logger.warning(
            "%s cannot be copied, so neither its saved states nor its memory are checked: %s",
            type(task).__name__,
            error,
        )
        return
    saved, restored = _build(one, seed=0), _build(other, seed=1)
    try:
        saved.reset()
        restored.reset()
        actions = _random_actions(saved)
        _run(saved, actions[:_BEFORE])
        _require_no_generator(saved.task)
        restored.set_state(saved.get_state())
        lacking = list(_differing(vars(saved.task), vars(restored.task)))
        moment = _first_difference(_run(saved, actions[_BEFORE:]), _run(restored, actions[_BEFORE:]))
    finally:
        saved.close()
        restored.close()
    if moment is not None:
        owner = type(task).__name__
        named = ", ".join(f"self.{name}" for name in lacking) or "an attribute that is no array, number or container"
        raise EnvsError(
            f"{owner}: goes on differently after its state was saved and restored ({moment}); memory() lacks {named}. "
            "Return there every array (num_envs, ...) that outlives a step, name -> the array itself"
        )


def _build(task: Task, seed: int) -> DomainVectorEnv:
    return DomainVectorEnv(
        task,
        Domain((), task.cheap),
        num_envs=_NUM_ENVS,
        seed=seed,
        num_threads=1,
        max_episode_steps=_LIMIT,
    )


def _random_actions(env: DomainVectorEnv) -> NDArray[np.float32]:
    """Return actions (steps, num_envs, act_dim), uniform within bounds; where there are none, within one unit."""
    space = env.single_action_space
    low, high = np.maximum(space.low, -1e3), np.minimum(space.high, 1e3)  # type: ignore[attr-defined]
    drawn = np.random.default_rng(0).uniform(low, high, (_BEFORE + _AFTER, env.num_envs, *space.shape))  # type: ignore[misc]
    return drawn.astype(np.float32)


def _run(env: DomainVectorEnv, actions: NDArray[np.float32]) -> list[dict[str, NDArray[Any]]]:
    """Return what every step gave, by name."""
    names = ("observation", "reward", "terminated", "truncated")
    return [dict(zip(names, env.step(action)[:4], strict=True)) for action in actions]


def _first_difference(one: list[dict[str, NDArray[Any]]], other: list[dict[str, NDArray[Any]]]) -> str | None:
    """Return in words what differs first between two runs; None: nothing."""
    for step, (a, b) in enumerate(zip(one, other, strict=True)):
        for name in a:
            if not np.array_equal(a[name], b[name], equal_nan=a[name].dtype.kind == "f"):
                return f"{name}, {step + 1} steps later"
    return None


def _require_no_generator(task: Task) -> None:
    for name, value in vars(task).items():
        if isinstance(value, np.random.Generator):
            raise EnvsError(
                f"{type(task).__name__}: self.{name} is a random generator of its own, which no saved state has; draw "
                "from `draws` in reset and from `rng` in advance"
            )


def _differing(one: Mapping[Any, Any], other: Mapping[Any, Any], place: str = "") -> Iterator[str]:
    """Yield the places at which two equally built trees of attributes hold other numbers."""
    for name in one.keys() | other.keys():
        a, b = one.get(name), other.get(name)
        here = f"{place}{name}"
        if isinstance(a, np.ndarray | int | float | str | bool | None) or isinstance(b, np.ndarray):
            same = type(a) is type(b) and np.array_equal(np.asarray(a), np.asarray(b))
            if not same and not _are_nan(a, b):
                yield here
        elif isinstance(a, Mapping) and isinstance(b, Mapping):
            yield from _differing(a, b, f"{here}.")
        elif isinstance(a, list | tuple) and isinstance(b, list | tuple):
            yield from _differing(dict(enumerate(a)), dict(enumerate(b)), f"{here}.")
        elif dataclasses.is_dataclass(a) and dataclasses.is_dataclass(b):
            yield from _differing(vars(a), vars(b), f"{here}.")


def _are_nan(a: Any, b: Any) -> bool:
    arrays = np.asarray(a), np.asarray(b)
    return all(x.dtype.kind == "f" for x in arrays) and np.array_equal(*arrays, equal_nan=True)
