"""Infos of many worlds in Gymnasium's layout: one array a name, with a mask of the worlds it is of under `_<name>`.

Source: gymnasium.vector.VectorEnv and https://farama.org/Vector-Autoreset-Mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["add_start", "final_infos", "masked", "silence"]

Mask = NDArray[np.bool_]
Values = Mapping[str, NDArray[Any]]


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
