"""All that a learner needs besides its weights to go on as if it had never stopped, as tensors and JSON."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from . import parts
from .errors import CheckpointError
from .optimizer import get_moments, set_moments
from .phase_runner import PhaseRunner
from .vec_adapter import VectorAdapter

if TYPE_CHECKING:
    from .ppo import PPO

__all__ = ["get_training_state", "set_training_state"]

_FORMAT = 1
_OPTIMIZER, _WORLDS = "optimizer/", "worlds/"  # prefixes of tensor names


def _adapter(ppo: PPO) -> VectorAdapter:
    """Return the learner's environment; CheckpointError if it is not one whose state can be had as arrays."""
    if not isinstance(ppo.env, VectorAdapter):
        raise CheckpointError(
            f"{ppo.env} cannot hand its state over: give a gymnasium VectorEnv to continue a run exactly"
        )
    return ppo.env


def _tensor(array: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.array(array, order="C"))


def get_training_state(ppo: PPO) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return (tensors, JSON) of a learner between two updates; see `PPO.get_training_state`."""
    if ppo._last_obs is None or ppo.ep_info_buffer is None:
        raise CheckpointError("the learner has not started: there is no training state before the first learn()")
    tensors = {_WORLDS + name: _tensor(value) for name, value in _adapter(ppo).get_state().items()}
    tensors |= {_OPTIMIZER + name: value for name, value in get_moments(ppo.policy, ppo.policy.optimizer).items()}
    tensors |= {
        "generator": ppo.generator.get_state(),
        "last_obs": _tensor(np.asarray(ppo._last_obs)),
        "episode_starts": _tensor(np.asarray(ppo._last_episode_starts)),
        "return_traces": _tensor(ppo.return_traces),
    }
    state = {
        "format": _FORMAT,
        "num_timesteps": int(ppo.num_timesteps),
        "num_updates": int(ppo._n_updates),
        "iteration": int(ppo.iteration),
        "progress_remaining": float(ppo._current_progress_remaining),
        "phases": ppo.phases.get_state(),
        "episodes": [dict(episode) for episode in ppo.ep_info_buffer],
        "weights": parts.digests(ppo.policy),
    }
    return tensors, state


def _array(tensors: Mapping[str, torch.Tensor], name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a copy of a tensor as an array; CheckpointError if it is missing or mis-shaped."""
    if name not in tensors or tuple(tensors[name].shape) != shape:
        found = tuple(tensors[name].shape) if name in tensors else "missing"
        raise CheckpointError(f"training state {name!r} must have shape {shape}, it is {found}: same num_envs?")
    return tensors[name].numpy().copy()


def set_training_state(ppo: PPO, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
    """Continue from what `get_training_state` returned; see `PPO.set_training_state`."""
    if state.get("format") != _FORMAT:
        raise CheckpointError(f"training state has format {state.get('format')!r}, this version reads {_FORMAT}")
    now = parts.digests(ppo.policy)
    other = [part for part, digest in state["weights"].items() if now.get(part) != digest]
    if other:
        raise CheckpointError(
            f"the training state belongs to other weights of {', '.join(other)}: load the weights first"
        )
    env = _adapter(ppo)
    obs_shape = (env.num_envs, *(env.observation_space.shape or ()))
    ppo._last_obs = _array(tensors, "last_obs", obs_shape)
    ppo._last_episode_starts = _array(tensors, "episode_starts", (env.num_envs,))
    ppo.return_traces = _array(tensors, "return_traces", (env.num_envs,))
    if "generator" not in tensors:
        raise CheckpointError("training state 'generator' is missing")
    ppo.generator.set_state(tensors["generator"].clone())
    env.set_state(
        {name.removeprefix(_WORLDS): value.numpy() for name, value in tensors.items() if name.startswith(_WORLDS)}
    )
    ppo.num_timesteps = int(state["num_timesteps"])
    ppo._n_updates = int(state["num_updates"])
    ppo.iteration = int(state["iteration"])
    ppo._current_progress_remaining = float(state["progress_remaining"])
    ppo.ep_info_buffer = deque(state["episodes"], maxlen=ppo._stats_window_size)
    ppo.ep_success_buffer = deque(maxlen=ppo._stats_window_size)
    ppo.phases = PhaseRunner.from_state(ppo.policy, env.num_envs, state["phases"])
    ppo.renew_optimizer()
    moments = {key.removeprefix(_OPTIMIZER): value for key, value in tensors.items() if key.startswith(_OPTIMIZER)}
    set_moments(ppo.policy, ppo.policy.optimizer, moments)
