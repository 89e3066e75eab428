"""Environments that are not in ENVS: a task of the user's own, `module:Class`, or one of Gymnasium's, `gym:<id>`."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import cast

from .errors import EnvsError, unknown_name
from .gym_task import GymTask
from .task import Task

__all__ = ["find_task", "is_user_task"]

_REQUIRED = (
    "frame_skip",
    "max_episode_steps",
    "cheap",
    "observation_names",
    "spec",
    "reset",
    "observe",
    "measure",
    "reward",
    "info",
    "terminated",
)


def is_user_task(name: str) -> bool:
    """Tell whether `name` is of the form `module:Class` or `gym:<id>`."""
    return ":" in name


def find_task(name: str) -> Callable[..., Task]:
    """Return what builds the task called `module:Class` or `gym:<id>`.

    Modules are looked for as always, and in the working directory.

    Raises:
        EnvsError: when the module cannot be imported, has no such class, or the class is no task.
    """
    place, _, thing = name.partition(":")
    if place == "gym":
        return cast(Callable[..., Task], partial(GymTask, thing))
    with _working_directory_importable():
        try:
            module = importlib.import_module(place)
        except Exception as error:  # whatever the user's module raises is the user's to read
            raise EnvsError(f"env {name!r}: module {place!r} fails to import: {_reason(error)}") from error
    classes = {k: v for k, v in vars(module).items() if inspect.isclass(v) and not k.startswith("_")}
    if thing not in classes:
        raise unknown_name(f"class in module {place!r}", thing, classes)
    if missing := [member for member in _REQUIRED if not hasattr(classes[thing], member)]:
        raise EnvsError(f"env {name!r}: {thing} is no Task, it lacks {', '.join(missing)}; see envs.Task")
    return cast(Callable[..., Task], classes[thing])


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


@contextmanager
def _working_directory_importable() -> Iterator[None]:
    """Let imports find modules in the working directory, as they do in a Python session but not in a command."""
    here = str(Path.cwd())
    added = here not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        yield
    finally:
        if added:
            sys.path.remove(here)
