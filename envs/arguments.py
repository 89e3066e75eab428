"""What `DomainVectorEnv` can be built with, checked one argument after the other."""

from __future__ import annotations

import numpy as np
from gymnasium.vector import AutoresetMode

from .errors import EnvsError

__all__ = ["require_arguments"]


def require_arguments(num_envs: int, seed: int, max_episode_steps: int | None, autoreset_mode: AutoresetMode) -> None:
    """Raise EnvsError naming the first argument that is impossible."""
    if max_episode_steps is not None and max_episode_steps != -1 and not _is_count(max_episode_steps, 1):
        raise EnvsError(
            f"max_episode_steps: must be a whole number >= 1, -1 (the task's own) or None, got {max_episode_steps!r}"
        )
    if not _is_count(seed, 0):
        raise EnvsError(f"seed: must be a whole number >= 0, got {seed!r}")
    if not _is_count(num_envs, 1):
        raise EnvsError(f"num_envs: must be a whole number >= 1, got {num_envs!r}")
    if autoreset_mode not in (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED):
        raise EnvsError(
            f"autoreset_mode: must be AutoresetMode.SAME_STEP or AutoresetMode.DISABLED, got {autoreset_mode!r}"
        )


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= least)
