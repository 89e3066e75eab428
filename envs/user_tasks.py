"""Environments that are not in ENVS: a user's `module:Class`, a Task or a gymnasium.Env, or Gymnasium's `gym:<id>`.

A module is looked for where Python looks for modules, then in the folders given to `import_from`, then in the working
directory. Folders stay on `sys.path`, last, so that the module's methods find what lies beside it whenever they import
it. A class shows that it is a Task, or an environment, before anything of it is called, so a name in a file that
somebody else wrote, such as `subprocess:Popen`, runs nothing.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import weakref
from collections.abc import Callable, Sequence
from functools import partial, wraps
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import gymnasium

from .errors import EnvsError, unknown_name
from .gym.sources import class_source
from .gym.task import GymTask
from .tasks.task import Task
from .vector.task_check import check_task

__all__ = ["find_task", "import_from", "is_user_task"]

_METHODS = ("spec", "reset", "observe", "measure", "reward", "info", "terminated")  # of the class
_ATTRIBUTES = ("frame_skip", "max_episode_steps", "cheap")  # of the class or the instance
_SHOWS = ("observation_names", "observation_groups")  # one of these
_HOME = Path(__file__).parent
_RUN: weakref.WeakKeyDictionary[type, set[str]] = weakref.WeakKeyDictionary()  # class -> options, of tasks checked


def is_user_task(name: str) -> bool:
    """Return whether `name` is of the form `module:Class` or `gym:<id>`."""
    return ":" in name


def import_from(folder: Path) -> None:
    """Find modules in `folder` too, from now on; those that are found elsewhere come first."""
    place = str(folder.resolve())
    if place not in sys.path:
        sys.path.append(place)


def find_task(name: str) -> Callable[..., Task]:
    """Return what builds the task called `module:Class` or `gym:<id>`.

    Raises:
        EnvsError: when the module cannot be imported, is Python's own, or has no such class, or the class lacks a
            method of Task; when called, also if the class cannot be made with the options or what it makes lacks an
            attribute of Task.
    """
    place, _, thing = name.partition(":") if name.startswith("gym:") else name.rpartition(":")
    package = thing.rpartition(":")[0] if place == "gym" else place
    if package.partition(".")[0] in sys.stdlib_module_names and package not in sys.modules:  # importing is executing
        raise EnvsError(f"env {name!r}: {package!r} is one of Python's own modules, and has no environments")
    if place == "gym":
        if package:  # without one nothing of the working directory is named, and so nothing of it may be imported
            import_from(Path.cwd())
        return cast(Callable[..., Task], partial(GymTask, thing))
    module = _import(name, place)
    classes: dict[str, type[Any]] = {
        k: v for k, v in vars(module).items() if inspect.isclass(v) and not k.startswith("_")
    }
    if thing not in classes:
        raise unknown_name(f"class in module {place!r}", thing, classes)
    if issubclass(classes[thing], gymnasium.Env):
        source = class_source(f"{place.rpartition('/')[2]}:{thing}", classes[thing])
        return cast(Callable[..., Task], partial(GymTask, source))
    members = {member for base in classes[thing].__mro__ for member in vars(base)}
    if not members.issuperset(_METHODS):
        raise _no_task(name, thing, [member for member in (*_ATTRIBUTES, *_METHODS) if member not in members])
    return _checked(name, classes[thing])


def _no_task(name: str, owner: str, lacking: Sequence[str]) -> EnvsError:
    return EnvsError(
        f"env {name!r}: {owner} is no Task, it lacks {', '.join(lacking)}; see envs.Task; nor is it a gymnasium.Env"
    )


def _import(name: str, place: str) -> ModuleType:
    top = place.partition(".")[0]
    try:
        if top not in sys.modules and importlib.util.find_spec(top) is None:
            import_from(Path.cwd())
        return importlib.import_module(place)
    except (Exception, SystemExit) as error:  # whatever the user's module raises is the user's to read
        reason = f"{type(error).__name__}: {error}"
        if top == _HOME.name and isinstance(error, ModuleNotFoundError):
            reason += f"; `{top}` is the package of that name that comes with sim2real ({_HOME}), not a folder of yours"
        elif isinstance(error, ModuleNotFoundError) and error.name == top:
            reason += (
                f"; looked for beside the configuration, in the working directory {Path.cwd()} and where Python looks "
                "for modules: run the command in its folder, or put that on PYTHONPATH"
            )
        raise EnvsError(f"env {name!r}: module {place!r} fails to import: {reason}") from error


def _checked(name: str, task_class: type) -> Callable[..., Task]:
    """Return what makes a `task_class` and sees that it is a Task; what it takes and its module are the class's.

    The first task of a class with the same options is run for a few steps, see `check_task`.
    """

    @wraps(task_class, updated=())
    def make(**options: Any) -> Task:
        """Make the task; whatever goes wrong in the user's code becomes an EnvsError."""
        try:
            task = task_class(**options)
            lacking = [member for member in _ATTRIBUTES if not hasattr(task, member)]
            lacking += [] if any(hasattr(task, member) for member in _SHOWS) else [" or ".join(_SHOWS)]
        except EnvsError:
            raise
        except (Exception, SystemExit) as error:  # as above
            raise EnvsError(
                f"env {name!r}: cannot be made with options {options}: {type(error).__name__}: {error}"
            ) from error
        if lacking:
            raise _no_task(name, task_class.__name__, lacking)
        checked = _RUN.setdefault(task_class, set())
        if (given := repr(sorted(options.items()))) not in checked:
            check_task(task)
            checked.add(given)
        return cast(Task, task)

    return make
