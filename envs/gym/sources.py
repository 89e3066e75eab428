"""Sources: where an environment of Gymnasium comes from, an id that is registered or a class, and how one is made."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium

from ..errors import EnvsError

__all__ = ["EnvSource", "class_source", "find_source"]

_PLUGINS = ("gymnasium_robotics",)  # packages that register MuJoCo environments once imported


@dataclass(frozen=True)
class EnvSource:
    """How to make an environment, and what is known of it without looking at one.

    Attributes:
        name: what configurations call it.
        build: options -> one environment, unwrapped; raises whatever the environment does.
        max_episode_steps: its own time limit; None: it has none.
        repeatable: whether an episode that is lived through again from its seed by the same actions is the same.
    """

    name: str
    build: Callable[[Mapping[str, Any]], Any]
    max_episode_steps: int | None
    repeatable: bool


def find_source(env: str, options: Mapping[str, Any]) -> EnvSource:
    """Return the source of a registered id, of `package:id` or of `module:Class`.

    Raises:
        EnvsError: when it is neither registered nor such a class, or an option cannot be given.
    """
    package, colon, name = env.rpartition(":")
    if colon and not package:
        raise EnvsError(f"gym:{env}: names no package between its colons; write gym:{name} or gym:<package>:{name}")
    if package:
        _import_package(env, package)
    for plugin in _PLUGINS:
        if env not in gymnasium.registry and not package and importlib.util.find_spec(plugin):
            gymnasium.register_envs(importlib.import_module(plugin))
    try:
        spec = gymnasium.spec(name)
    except gymnasium.error.Error as error:
        if (own := _class_in(package, name)) is not None:
            return class_source(f"gym:{env}", own)
        raise EnvsError(
            f"gym:{env}: not registered with Gymnasium ({error}); to import its package first write "
            "gym:<package>:<id>, and install the package (for Fetch: pip install gymnasium-robotics); a class of "
            "gymnasium.Env is <module>:<Class>, and a function must be registered as an entry point"
        ) from None
    if "id" in options:
        raise EnvsError(f"gym:{env}: 'id' cannot be an option: gymnasium.make calls the environment's id so")
    return EnvSource(f"gym:{env}", partial(_make_registered, env), spec.max_episode_steps, not spec.nondeterministic)


def _make_registered(env_id: str, options: Mapping[str, Any]) -> Any:
    return gymnasium.make(env_id, **{"disable_env_checker": True, **options}).unwrapped


def class_source(name: str, cls: Callable[..., Any]) -> EnvSource:
    """Return the source of a class of gymnasium.Env that configurations call `name`.

    Its attributes `max_episode_steps` and `nondeterministic`, if it has them, mean what those of Gymnasium's specs do.

    Raises:
        EnvsError: when such a limit is no number of steps.
    """
    limit = getattr(cls, "max_episode_steps", None)
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise EnvsError(f"{name}: the class's max_episode_steps must be a whole number >= 1 or None, got {limit!r}")
    return EnvSource(name, partial(_make_own, cls), limit, not getattr(cls, "nondeterministic", False))


def _make_own(cls: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    return cls(**{key: value for key, value in options.items() if key != "max_episode_steps"})


def _class_in(package: str, name: str) -> type | None:
    """Return the class of environments called so in a module that has been imported; None if there is none."""
    found = vars(sys.modules[package]).get(name) if package in sys.modules else None
    return found if inspect.isclass(found) and issubclass(found, gymnasium.Env) else None


def _import_package(env_id: str, package: str) -> None:
    """Import the package that registers an environment, `package:id`.

    Raises:
        EnvsError: when it is not there, or whatever it raises.
    """
    try:
        importlib.import_module(package)
    except (Exception, SystemExit) as error:  # whatever the package raises is its user's to read
        absent = isinstance(error, ModuleNotFoundError) and error.name == package.partition(".")[0]
        hint = (
            f"; looked for beside the configuration, in the working directory {Path.cwd()} and where Python looks for "
            "modules: install it, run the command in its folder, or put that on PYTHONPATH"
        )
        reason = f"{type(error).__name__}: {error}{hint if absent else ''}"
        raise EnvsError(
            f"gym:{env_id}: not registered with Gymnasium, as its package {package!r} fails to import: {reason}"
        ) from error
