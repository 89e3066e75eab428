"""Environments that are not in ENVS: a task of the user's own, `module:Class`, or one of Gymnasium's, `gym:<id>`.

A module is looked for where Python looks for modules, then in the folders given to `import_from`, the configuration's
above all, then in the working directory. All of these stay on `sys.path`, last, so that the module's methods find
what lies beside it whenever they import it.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from .errors import EnvsError, unknown_name
from .gym_task import GymTask
from .task import Task

__all__ = ["find_task", "import_from", "is_user_task"]

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


def import_from(folder: Path) -> None:
    """Find modules in `folder` too, from now on; those that are found elsewhere come first."""
    place = str(folder.resolve())
    if place not in sys.path:
        sys.path.append(place)


def find_task(name: str) -> Callable[..., Task]:
    """Return what builds the task called `module:Class` or `gym:<id>`.

    Raises:
        EnvsError: when the module cannot be imported or has no such class; when called, also if the class cannot be
            made with the options or what it makes is no task.
    """
    place, _, thing = name.partition(":")
    if place == "gym":
        import_from(Path.cwd())  # the package of `gym:<package>:<id>`
        return cast(Callable[..., Task], partial(GymTask, thing))
    module = _import(name, place)
    classes = {k: v for k, v in vars(module).items() if inspect.isclass(v) and not k.startswith("_")}
    if thing not in classes:
        raise unknown_name(f"class in module {place!r}", thing, classes)
    return _checked(name, classes[thing])


def _import(name: str, place: str) -> ModuleType:
    import_from(Path.cwd())
    try:
        return importlib.import_module(place)
    except (Exception, SystemExit) as error:  # whatever the user's module raises is the user's to read
        absent = isinstance(error, ModuleNotFoundError) and error.name == place.partition(".")[0]
        hint = (
            f"; looked for beside the configuration, in the working directory {Path.cwd()} and where Python looks for "
            "modules: run the command in its folder, or put that on PYTHONPATH"
        )
        reason = f"{type(error).__name__}: {error}{hint if absent else ''}"
        raise EnvsError(f"env {name!r}: module {place!r} fails to import: {reason}") from error


def _checked(name: str, task_class: type) -> Callable[..., Task]:
    """Return what makes a `task_class` and sees that it is a Task; what it takes and its module are the class's."""

    @wraps(task_class, updated=())
    def make(**options: Any) -> Task:
        """Make the task; whatever goes wrong in the user's code is told as an EnvsError."""
        try:
            task = task_class(**options)
            missing = [member for member in _REQUIRED if not hasattr(task, member)]
        except EnvsError:
            raise
        except Exception as error:  # as above
            raise EnvsError(
                f"env {name!r}: cannot be made with options {options}: {type(error).__name__}: {error}"
            ) from error
        if missing:
            raise EnvsError(
                f"env {name!r}: {task_class.__name__} is no Task, it lacks {', '.join(missing)}; see envs.Task"
            )
        return cast(Task, task)

    return make
