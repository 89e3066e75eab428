"""check_task: does a task continue bit for bit from a saved state, and if not, what does its `memory()` lack?"""

from __future__ import annotations

import copy
import dataclasses
import logging
import re
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
_SOON = 3  # control steps after which what is worked out anew in every step is equal again; no episode has ended yet


def check_task(task: Task) -> None:
    """Run a few worlds of `task`, save them mid-episode, restore the state in other worlds, and compare both.

    `task` is left as it is: worlds get copies of it. What a task keeps outside its own attributes is not seen unless it
    changes results within 12 control steps; one that cannot be copied is not checked, with a warning.

    Raises:
        EnvsError: when a returned array is wrong, when `memory` does not return the arrays themselves, when the task
            has a random generator of its own, when `reset` writes into worlds that it was not asked for, or when the
            restored worlds go on differently, or still have other arrays (num_envs, ...) three steps later; then it
            names the attributes that `memory` lacks.
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
        _require_own_reset(saved)
        restored.set_state(saved.get_state())
        lacking = dict(_differing(vars(saved.task), vars(restored.task)))
        soon, late = actions[_BEFORE : _BEFORE + _SOON], actions[_BEFORE + _SOON :]
        moment = _first_difference(_run(saved, soon), _run(restored, soon))
        lasting = {n: a for n, a in _differing(vars(saved.task), vars(restored.task)) if n in lacking and _is_memory(a)}
        moment = moment or _first_difference(_run(saved, late), _run(restored, late), _SOON)
    finally:
        saved.close()
        restored.close()
    if moment is not None or lasting:
        owner, wrong = type(task).__name__, lasting if moment is None else lacking
        named = ", ".join(f"self.{name}" for name in wrong) or "an attribute that is no array, number or container"
        found = f"goes on differently after its state was saved and restored ({moment})"
        if moment is None:
            found = f"has other arrays {_SOON} steps after its state was saved and restored"
        raise EnvsError(
            f"{owner}: {found}; memory() lacks {named}. Return there every array (num_envs, ...) that outlives a step, "
            "name -> the array itself"
        )


def _is_memory(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.shape[:1] == (_NUM_ENVS,)


def _require_own_reset(env: DomainVectorEnv) -> None:
    """Begin an episode in one world; raise EnvsError if the physics or the memory of another has changed."""

    def all_arrays() -> dict[str, NDArray[Any]]:
        attributes = {f"self.{name}": value for name, value in vars(env.task).items() if _is_memory(value)}
        return {"physics.qpos": env.physics.qpos, "physics.qvel": env.physics.qvel, **attributes}

    before = {name: array.copy() for name, array in all_arrays().items()}
    env.reset(options={"reset_mask": np.arange(_NUM_ENVS) == 1})
    others = [0, *range(2, _NUM_ENVS)]
    for name, array in all_arrays().items():
        if name in before and not np.array_equal(
            array[others], before[name][others], equal_nan=array.dtype.kind == "f"
        ):
            raise EnvsError(
                f"{type(env.task).__name__}.reset: was asked for world 1 and has changed {name} of another; write into "
                "the rows `ids` alone"
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
    names = ("reward", "terminated", "truncated")
    found = []
    for action in actions:
        obs, *rest = env.step(action)[:4]
        groups = (
            {f"observation {n}": array for n, array in obs.items()} if isinstance(obs, dict) else {"observation": obs}
        )
        found.append({**groups, **dict(zip(names, rest, strict=True))})
    return found


def _first_difference(
    one: list[dict[str, NDArray[Any]]], other: list[dict[str, NDArray[Any]]], taken: int = 0
) -> str | None:
    """Return in words what differs first between two runs that begin after `taken` steps; None: nothing."""
    for step, (a, b) in enumerate(zip(one, other, strict=True), start=taken):
        for name in a:
            if not np.array_equal(a[name], b[name], equal_nan=a[name].dtype.kind == "f"):
                return f"{name}, {step + 1} steps later"
    return None


def _require_no_generator(task: Task) -> None:
    for name, value in _values(vars(task)):
        if re.match(r"random$|numpy\.random\.", type(value).__module__):
            raise EnvsError(
                f"{type(task).__name__}: self.{name} is a random generator of its own, which no saved state has; draw "
                "from `draws` in reset and from `rng` in advance"
            )


def _values(tree: Mapping[Any, Any], place: str = "", depth: int = 4) -> Iterator[tuple[str, Any]]:
    """Yield what attributes hold, containers and dataclasses by what is in them."""
    for name, value in tree.items():
        yield f"{place}{name}", value
        inside = _inside(value)
        if inside is not None and depth:
            yield from _values(inside, f"{place}{name}.", depth - 1)


def _inside(value: Any) -> Mapping[Any, Any] | None:
    """Return what lies in a container or dataclass by key; None for anything else."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list | tuple):
        return dict(enumerate(value))
    return vars(value) if dataclasses.is_dataclass(value) and hasattr(value, "__dict__") else None


def _differing(one: Mapping[Any, Any], other: Mapping[Any, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the places at which two equally built trees of attributes hold other numbers, with those of `one`."""
    for name in one.keys() | other.keys():
        a, b = one.get(name), other.get(name)
        here = f"{place}{name}"
        if isinstance(a, np.ndarray | int | float | str | bool | None) or isinstance(b, np.ndarray):
            same = type(a) is type(b) and np.array_equal(np.asarray(a), np.asarray(b))
            if not same and not _are_nan(a, b):
                yield here, a
        elif type(a) is type(b) and (inside := _inside(a)) is not None:
            yield from _differing(inside, _inside(b) or {}, f"{here}.")


def _are_nan(a: Any, b: Any) -> bool:
    arrays = np.asarray(a), np.asarray(b)
    return all(x.dtype.kind == "f" for x in arrays) and np.array_equal(*arrays, equal_nan=True)
