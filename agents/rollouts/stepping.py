"""One step of all worlds, whatever kind of environment holds them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from .transition import Transition, transition_from_infos
from .vec_adapter import VectorAdapter

__all__ = ["step_worlds"]


def step_worlds(env: VecEnv, actions: NDArray[Any]) -> tuple[Transition, list[dict[str, Any]]]:
    """Step all worlds and return the transition and, for callbacks, stable-baselines3's infos.

    Over a VectorAdapter no Python code runs a world: all worlds that did not end share one empty dictionary.
    """
    if not isinstance(env, VectorAdapter):
        obs, rewards, dones, infos = env.step(actions)
        return transition_from_infos(np.asarray(obs), rewards, dones, infos), infos
    transition = env.step_arrays(actions)
    nothing: dict[str, Any] = {}
    infos = [nothing] * env.num_envs
    for row, world in enumerate(transition.ended.tolist()):
        infos[world] = env.info_of_ended(transition, row)
    return transition, infos
