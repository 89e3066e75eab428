"""make_vec: worlds of an environment, or those of a run's source or target."""

from __future__ import annotations

from typing import Any

from envs import SHIFTS, DomainVectorEnv, unknown_name
from envs import make_vec as make_worlds

from ..config.config import RunConfig
from ..errors import UserError
from .configuring import change, target_overrides
from .run import Run

__all__ = ["make_vec"]


def make_vec(
    env: str | Run | RunConfig,
    *,
    num_envs: int,
    target: str | None = None,
    severity: float | str | None = None,
    seed: int | None = None,
    num_threads: int = 0,
    **options: Any,
) -> DomainVectorEnv:
    """Build `num_envs` worlds as a gymnasium VectorEnv.

        worlds = sim2real.make_vec("hopper", num_envs=64, target="heavy", severity=0.3, seed=0)
        worlds = sim2real.make_vec(sim2real.Run("runs/hopper-heavy"), num_envs=64, target="heavy")

    Args:
        env: name of an environment; or a run or configuration, whose task options the worlds have.
        num_envs: number of worlds.
        target: a target of the configuration, or the name of a shift; None: the source domain of a configuration, the
            nominal world of an environment.
        severity: of the target's shift, a number or the name of a level.
        seed: of all randomness; None: drawn from the system's entropy.
        num_threads: threads that step worlds; 0: all cores.
        **options: others of `envs.make_vec`: `domain`, `autoreset_mode`, `max_episode_steps`, options of the task.

    Raises:
        UserError: when the severity has no target, or target and domain are both given.
        EnvsError: for names and values that are not valid.
    """
    if target is not None and "domain" in options:
        raise UserError("domain: give a target or a domain, not both")
    if severity is not None and target is None:
        raise UserError(f"severity={severity!r}: a severity belongs to a target; name one")
    shared: dict[str, Any] = {"num_envs": num_envs, "seed": seed, "num_threads": num_threads}
    if isinstance(env, str):
        if target is not None and target not in SHIFTS:
            raise unknown_name("target", target, SHIFTS)
        if target is not None:
            options["domain"] = SHIFTS[target].domain(severity, env)
        return make_worlds(env, **shared, **options)
    config, place = env.config if isinstance(env, Run) else env, f"severity={severity!r}"
    targets = [] if target is None else [target]
    config = change(config, target_overrides(config.model_dump(include={"targets"}), targets, severity, place))
    if "domain" not in options:
        task = config.make_task()
        options["domain"] = config.source_domain(task) if target is None else config.target_domain(target, task)
    return make_worlds(config.env_import, **shared, task_options={**config.task}, **options)
