"""What `DomainVectorEnv` can be built and reset with, checked one argument after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from ..errors import ArgumentError, EnvsError, is_whole

__all__ = ["read_autoreset_mode", "read_reset_mask", "require_arguments", "require_no_rendering"]


def require_arguments(num_envs: int, seed: int | None, max_episode_steps: int | None) -> None:
    """Raise EnvsError naming the first argument that is impossible."""
    if max_episode_steps is not None and max_episode_steps != -1 and not _is_count(max_episode_steps, 1):
        raise EnvsError(
            f"max_episode_steps: must be a whole number >= 1, -1 (the task's own) or None, got {max_episode_steps!r}"
        )
    if seed is not None and not _is_count(seed, 0):
        raise EnvsError(f"seed: must be a whole number >= 0 or None, got {seed!r}")
    if not _is_count(num_envs, 1):
        raise EnvsError(f"num_envs: must be a whole number >= 1, got {num_envs!r}")


def read_autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    """Return the mode that is given as such, or as text by its value or name: `NextStep`, `NEXT_STEP`.

    Raises:
        EnvsError: when there is none.
    """
    for known in AutoresetMode:
        if mode in (known, known.value) or (isinstance(mode, str) and mode.upper() == known.name):
            return known
    choices = ", ".join(f"AutoresetMode.{known.name} ({known.value!r})" for known in AutoresetMode)
    raise EnvsError(f"autoreset_mode: must be one of {choices}; got {mode!r}")


def read_reset_mask(options: Mapping[str, Any] | None, num_envs: int) -> NDArray[np.bool_]:
    """Return which worlds to reset, (num_envs,): those of `options["reset_mask"]`, all without it.

    Raises:
        EnvsError: when the mask has another shape or type.
    """
    if options is None or "reset_mask" not in options:
        return np.ones(num_envs, np.bool_)
    mask = np.asarray(options["reset_mask"])
    if mask.shape != (num_envs,) or mask.dtype != np.bool_:
        raise EnvsError(f"reset_mask: must be bool of shape ({num_envs},), got {mask.dtype} of shape {mask.shape}")
    return mask


def require_no_rendering(render_mode: object) -> None:
    """Raise ArgumentError unless `render_mode` is None; stable-baselines3 then goes without one."""
    if render_mode is not None:
        text = f"render_mode: these worlds cannot be rendered; the only mode is None, got {render_mode!r}"
        raise ArgumentError(text, "render_mode")


def _is_count(value: object, least: int) -> bool:
    return is_whole(value) and bool(value >= least)  # type: ignore[operator]
