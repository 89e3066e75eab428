"""Stages that remember what last went out: backlash, a rate limit, a lag."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .stage import Array, Ids, Stage

__all__ = ["Recursive", "compute_backlash", "compute_lag", "compute_rate_limit"]

Function = Callable[[Array, Array, Array], Array]  # (rows, what last went out, values of the parameter) -> rows


class Recursive(Stage):
    """Applies a function of the signal, what last went out, and one parameter."""

    def __init__(self, values: Array, num_envs: int, dim: int, function: Function) -> None:
        """Apply `function` with `values` (num_envs, dim) or (num_envs, 1)."""
        self._values, self._function = values, function
        self._last: Array = np.zeros((num_envs, dim))

    def memory(self) -> dict[str, NDArray[np.generic]]:
        """Return what last went out, (num_envs, dim)."""
        return {"last": self._last}

    def restart(self, ids: Ids, rows: Array) -> None:
        """Let `rows` (k, dim) have gone out last."""
        self._last[ids] = rows

    def __call__(self, rows: Array) -> Array:
        """Return the function of the rows (num_envs, dim) and the last ones."""
        out = self._function(rows, self._last, self._values)
        self._last[...] = out
        return out


def compute_backlash(x: Array, last: Array, width: Array) -> Array:
    """Return max(x - width / 2, min(x + width / 2, last)): a rod in a slot moves only when the slot's end pushes it.

    Source: the play operator, Krasnosel'skii and Pokrovskii 1989, Systems with hysteresis.
    """
    half = width / 2
    return np.maximum(x - half, np.minimum(x + half, last))


def compute_rate_limit(x: Array, last: Array, largest: Array) -> Array:
    """Return x held within [last - largest, last + largest]; an infinite one changes nothing."""
    return np.maximum(np.minimum(x, last + largest), last - largest)


def compute_lag(x: Array, last: Array, time_constant: Array, dt: float) -> Array:
    """Return (1 - a) x + a last with a = exp(-dt / time_constant); a time constant of 0 s changes nothing.

    That is tau dy/dt = x - y solved exactly over a step of dt s in which x is held.
    """
    kept = np.exp(-dt / np.maximum(time_constant, _SHORTEST))
    return (1 - kept) * x + kept * last


_SHORTEST = 1e-300  # s: exp(-dt / it) is 0
