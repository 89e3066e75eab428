"""The rollout loop: act, step all worlds, go on from what they show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from .transition import Transition, transition_from_infos
from .vec_adapter import VectorAdapter

__all__ = ["Act", "Action", "Step", "rollout", "step_worlds"]

Act = Callable[[NDArray[np.float32]], "Action"]  # observations (num_envs, obs_dim) -> what is done there


class Action(NamedTuple):
    """What a policy does in all worlds, each (num_envs, action_dim)."""

    applied: NDArray[Any]  # within the bounds of the action space
    drawn: NDArray[Any]  # as the policy gave it: without bounds, or scaled to [-1, 1]
    features: torch.Tensor | None = None  # (num_envs, F) of the encoder, where they are kept


class Step(NamedTuple):
    """One step of all worlds."""

    obs: NDArray[np.float32]  # (num_envs, obs_dim) before it
    action: Action
    transition: Transition
    infos: list[dict[str, Any]]  # stable-baselines3's, for callbacks


def rollout(env: VecEnv, obs: NDArray[Any], act: Act, num_steps: int) -> Iterator[Step]:
    """Step all worlds `num_steps` times by `act`, from the observations `obs` (num_envs, obs_dim) they show now."""
    obs = np.asarray(obs, np.float32)
    for _ in range(num_steps):
        action = act(obs)
        transition, infos = step_worlds(env, action.applied)
        yield Step(obs, action, transition, infos)
        obs = transition.obs


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
