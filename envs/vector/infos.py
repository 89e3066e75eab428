"""Infos of many worlds in Gymnasium's layout: one array a name, with a mask of the worlds it is of under `_<name>`.

Source: gymnasium.vector.VectorEnv and https://farama.org/Vector-Autoreset-Mode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["add_start", "count_broken", "final_infos", "fits", "masked", "silence"]

Mask = NDArray[np.bool_]
Values = Mapping[str, NDArray[Any]]
_LARGEST = float(np.finfo(np.float32).max)  # agents compute in single precision


def fits(values: NDArray[Any]) -> Mask:
    """Return where numbers (num_envs, ...) are finite in single precision, of the same shape."""
    within: Mask = np.abs(values) <= _LARGEST
    return within


def count_broken(counts: dict[str, int], terms: Values, reading: NDArray[Any], names: Sequence[str], of: Mask) -> None:
    """Add to `counts`, name -> number, what in the worlds `of` (num_envs,) does not fit.

    Args:
        counts: of reward terms and of observations' entries, as `observation <name>`.
        terms: reward terms, each (num_envs,).
        reading: (num_envs, obs_dim) the task's own observation.
        names: of its entries.
        of: the worlds whose simulation is sound, and whose numbers are not.
    """
    if not of.any():  # nearly always
        return
    columns = {**terms, **{f"observation {name}": reading[:, i] for i, name in enumerate(names)}}
    for name, column in columns.items():
        if number := int((~fits(column[of])).sum()):
            counts[name] = counts.get(name, 0) + number


def silence(mask: Mask, reward: NDArray[np.float64], values: Values) -> None:
    """Zero the reward (num_envs,) and `values` of the worlds in `mask` (num_envs,): their state means nothing."""
    reward[mask] = 0.0
    for value in values.values():
        value[mask] = 0.0


def masked(values: Values, present: Mask) -> dict[str, Any]:
    """Return `values`, each (num_envs, ...), and for each the mask `present` (num_envs,) of the worlds it is of."""
    infos: dict[str, Any] = {}
    for name, value in values.items():
        infos[name], infos[f"_{name}"] = value, present.copy()
    return infos


def final_infos(values: Values, obs: NDArray[Any] | Values, done: Mask) -> dict[str, Any]:
    """Return what SAME_STEP reports of the worlds in `done` (num_envs,): their last `obs` and the step's `values`.

    Groups of observations are a dictionary of arrays with masks of their own, as Gymnasium's of a Dict are.
    """
    final = masked({name: value.copy() for name, value in values.items()}, done)
    last = masked(obs, done) if isinstance(obs, Mapping) else obs
    return {"final_obs": last, "_final_obs": done.copy(), "final_info": final, "_final_info": done.copy()}


def add_start(infos: dict[str, Any], values: Values, started: Mask) -> None:
    """Put `values`, each (num_envs, ...), of the worlds in `started` (num_envs,) into `infos`, whose masks grow."""
    for name, value in values.items():
        if name not in infos:
            infos[name], infos[f"_{name}"] = np.zeros_like(value), np.zeros_like(started)
        infos[name][started] = value[started]
        infos[f"_{name}"] |= started
