"""Environments are built by their name in ENVS, or by that of a user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gymnasium.vector import AutoresetMode

from .domain.domain import Domain
from .errors import ArgumentError, EnvsError, unknown_name
from .options import merge_options
from .table import ENVS, Environment
from .tasks.task import Task
from .user_tasks import find_task, is_user_task
from .vector.arguments import require_no_rendering
from .vector.single import SingleEnv
from .vector.vector_env import DomainVectorEnv

__all__ = ["environment", "make", "make_registered", "make_vec", "make_vec_registered"]


def environment(name: str) -> Environment:
    """Return the row of ENVS called `name`, or one for a user's `module:Class` or `gym:<id>`.

    Raises:
        EnvsError: when there is none; the message lists those there are.
    """
    if isinstance(name, str) and is_user_task(name):
        return Environment(find_task(name), name)
    if not isinstance(name, str) or name not in ENVS:
        raise unknown_name("environment", name, (*ENVS, "or module:Class", "or gym:<id>"))
    return ENVS[name]


def make_vec(
    name: str,
    /,
    *,
    num_envs: int,
    domain: Domain | Mapping[str, Any] | None = None,
    seed: int | None = None,
    num_threads: int = 0,
    max_episode_steps: int | None = -1,
    autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
    render_mode: None = None,
    groups: Sequence[str] | None = None,
    task_options: Mapping[str, Any] | None = None,
    **task_kwargs: Any,
) -> DomainVectorEnv:
    """Build `num_envs` worlds of the environment `name`, drawn from `domain`.

    Args:
        name: a name in ENVS, `module:Class` or `gym:<id>`.
        num_envs: number of worlds.
        domain: a Domain, a mapping as `Domain.parse` reads it, or None for the nominal world.
        seed: of all randomness; None: drawn from the system's entropy.
        num_threads: threads that step worlds; 0 means all cores this process may use.
        max_episode_steps: control steps until truncation; -1 the task's own number, None never.
        autoreset_mode: SAME_STEP, NEXT_STEP, or DISABLED: ended worlds wait for `reset`; also as text.
        render_mode: None: these worlds cannot be rendered.
        groups: names of the observation groups shown, `policy` among them; None: all that the task itself has but
            `privileged`.
        task_options: options of the task, also those that are called like an argument of this function.
        **task_kwargs: options of the task.

    Raises:
        EnvsError: naming what does not fit and what would; for an option that the task does not have, a TypeError too.
    """
    require_no_rendering(render_mode)
    task = _make_task("make_vec", name, task_options, task_kwargs)
    return DomainVectorEnv(
        task,
        _domain(domain, task),
        num_envs=num_envs,
        seed=seed,
        num_threads=num_threads,
        max_episode_steps=max_episode_steps,
        autoreset_mode=autoreset_mode,
        groups=groups,
    )


def make(
    name: str,
    /,
    *,
    domain: Domain | Mapping[str, Any] | None = None,
    render_mode: None = None,
    groups: Sequence[str] | None = None,
    task_options: Mapping[str, Any] | None = None,
    **task_kwargs: Any,
) -> SingleEnv:
    """Build one world of the environment `name` as a gymnasium.Env without time limit.

    Raises:
        EnvsError: as `make_vec`.
    """
    task = _make_task("make", name, task_options, task_kwargs)
    return SingleEnv(task, _domain(domain, task), render_mode=render_mode, groups=groups)


def _make_task(caller: str, name: str, options: Mapping[str, Any] | None, keywords: Mapping[str, Any]) -> Task:
    """Build the task; of a keyword argument that is no option of it, say so as Python would, for clients that probe."""
    try:
        return environment(name).make_task(**merge_options(options, keywords))
    except ArgumentError as error:
        if error.argument not in keywords:
            raise
        text = f"{caller}() got an unexpected keyword argument {error.argument!r}: {error}"
        raise ArgumentError(text, error.argument) from None


def _domain(domain: Domain | Mapping[str, Any] | None, task: Task) -> Domain | None:
    if isinstance(domain, Mapping):
        return Domain.parse(domain, task.cheap)
    if domain is not None and not isinstance(domain, Domain):
        raise EnvsError(f"domain: expected a Domain or a mapping, got {type(domain).__name__}")
    return domain


def make_registered(*, env: str, **options: Any) -> SingleEnv:
    """Build what `gymnasium.make` does for the row `env` of ENVS; a spec is JSON only if its entry points are names."""
    return make(env, **options)


def make_vec_registered(*, env: str, **options: Any) -> DomainVectorEnv:
    """Build what `gymnasium.make_vec` does for the row `env` of ENVS."""
    return make_vec(env, **options)
