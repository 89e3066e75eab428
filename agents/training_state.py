"""All that a learner needs besides its weights to go on as if it had never stopped, as tensors and JSON."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from . import parts
from .errors import CheckpointError
from .optimizer import get_moments, set_moments
from .phase_runner import PhaseRunner
from .policy import AgentPolicy
from .vec_adapter import VectorAdapter

__all__ = ["Continuable", "get_training_state", "set_training_state"]


class Continuable(Protocol):
    """What a learner consists of besides its weights."""

    policy: AgentPolicy
    env: Any
    generator: torch.Generator
    phases: PhaseRunner
    return_traces: NDArray[np.float64]
    iteration: int
    num_timesteps: int
    ep_info_buffer: Any
    ep_success_buffer: Any
    _last_obs: Any
    _last_episode_starts: Any
    _n_updates: int
    _current_progress_remaining: float
    _stats_window_size: int

    def renew_optimizer(self) -> None:
        """Replace the optimizer by a fresh one over the parts that train now."""
        ...


_FORMAT = 1
_OPTIMIZER, _WORLDS = "optimizer/", "worlds/"  # prefixes of tensor names


def _adapter(learner: Continuable) -> VectorAdapter:
    """Return the learner's environment; CheckpointError if it is not one whose state can be had as arrays."""
    if not isinstance(learner.env, VectorAdapter):
        raise CheckpointError(
            f"{learner.env} cannot hand its state over: give a gymnasium VectorEnv to continue a run exactly"
        )
    return learner.env


def _tensor(array: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.array(array, order="C"))


def get_training_state(learner: Continuable) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return (tensors, JSON) of a learner between two updates; see `PPO.get_training_state`."""
    if learner._last_obs is None or learner.ep_info_buffer is None:
        raise CheckpointError("the learner has not started: there is no training state before the first learn()")
    tensors = {_WORLDS + name: _tensor(value) for name, value in _adapter(learner).get_state().items()}
    moments = get_moments(learner.policy, learner.policy.optimizer)
    tensors |= {_OPTIMIZER + name: value for name, value in moments.items()}
    tensors |= {
        "generator": learner.generator.get_state(),
        "last_obs": _tensor(np.asarray(learner._last_obs)),
        "episode_starts": _tensor(np.asarray(learner._last_episode_starts)),
        "return_traces": _tensor(learner.return_traces),
    }
    state = {
        "format": _FORMAT,
        "num_timesteps": int(learner.num_timesteps),
        "num_updates": int(learner._n_updates),
        "iteration": int(learner.iteration),
        "progress_remaining": float(learner._current_progress_remaining),
        "phases": learner.phases.get_state(),
        # without "t", seconds on a clock: two equal runs have equal states
        "episodes": [{"r": episode["r"], "l": episode["l"]} for episode in learner.ep_info_buffer],
        "weights": parts.digests(learner.policy),
    }
    return tensors, state


def _array(tensors: Mapping[str, torch.Tensor], name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a copy of a tensor as an array; CheckpointError if it is missing or mis-shaped."""
    if name not in tensors or tuple(tensors[name].shape) != shape:
        found = tuple(tensors[name].shape) if name in tensors else "missing"
        raise CheckpointError(f"training state {name!r} must have shape {shape}, it is {found}: same num_envs?")
    return tensors[name].numpy().copy()


def set_training_state(learner: Continuable, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
    """Continue from what `get_training_state` returned; see `PPO.set_training_state`."""
    if state.get("format") != _FORMAT:
        raise CheckpointError(f"training state has format {state.get('format')!r}, this version reads {_FORMAT}")
    now = parts.digests(learner.policy)
    other = [part for part, digest in state["weights"].items() if now.get(part) != digest]
    if other:
        raise CheckpointError(
            f"the training state belongs to other weights of {', '.join(other)}: load the weights first"
        )
    env = _adapter(learner)
    obs_shape = (env.num_envs, *(env.observation_space.shape or ()))
    learner._last_obs = _array(tensors, "last_obs", obs_shape)
    learner._last_episode_starts = _array(tensors, "episode_starts", (env.num_envs,))
    learner.return_traces = _array(tensors, "return_traces", (env.num_envs,))
    if "generator" not in tensors:
        raise CheckpointError("training state 'generator' is missing")
    learner.generator.set_state(tensors["generator"].clone())
    env.set_state(
        {name.removeprefix(_WORLDS): value.numpy() for name, value in tensors.items() if name.startswith(_WORLDS)}
    )
    learner.num_timesteps = int(state["num_timesteps"])
    learner._n_updates = int(state["num_updates"])
    learner.iteration = int(state["iteration"])
    learner._current_progress_remaining = float(state["progress_remaining"])
    learner.ep_info_buffer = deque(state["episodes"], maxlen=learner._stats_window_size)
    learner.ep_success_buffer = deque(maxlen=learner._stats_window_size)
    learner.phases = PhaseRunner.from_state(learner.policy, env.num_envs, state["phases"])
    learner.renew_optimizer()
    moments = {key.removeprefix(_OPTIMIZER): value for key, value in tensors.items() if key.startswith(_OPTIMIZER)}
    set_moments(learner.policy, learner.policy.optimizer, moments)
