"""Steps are counted exactly: what so many worlds can take, and the error for what they cannot."""

from __future__ import annotations

__all__ = ["exact_steps_error", "rollout_steps"]


def exact_steps_error(steps: int, num_envs: int) -> str | None:
    """Return why `num_envs` worlds cannot take exactly `steps` steps in all (None: they can)."""
    if steps % num_envs == 0:
        return None
    low = steps // num_envs * num_envs
    near = " and ".join(str(number) for number in (low, low + num_envs) if number)
    return f"{num_envs} worlds cannot take exactly {steps} steps; nearest: {near}"


def rollout_steps(num_steps: int, num_envs: int, *left: int | None) -> int:
    """Return how many steps every world takes in the next rollout: `num_steps`, or fewer to meet a limit.

    `left` are steps of all worlds together that remain to some limit, None where there is no limit.
    """
    return min([num_steps, *(-(-limit // num_envs) for limit in left if limit is not None)])
