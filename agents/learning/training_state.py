"""All that a learner needs besides its weights to go on as if it had never stopped, as tensors and JSON."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import AgentsError, CheckpointError, is_number
from ..networks.encoders import Encoder
from ..plan.phase_runner import PhaseRunner
from ..plan.regularisers import Penalties
from ..policy import parts
from ..policy.parts import Parted
from ..rollouts.vec_adapter import VectorAdapter
from .finite import is_finite, require_finite_state
from .optimizer import get_moments, set_moments

__all__ = [
    "Continuable",
    "array_of",
    "below",
    "count_of",
    "get_training_state",
    "number_of",
    "set_training_state",
]

Tensors = dict[str, torch.Tensor]


class Continuable(Protocol):
    """What a learner consists of besides its weights."""

    policy: Any
    env: Any
    source_env: Any
    generator: torch.Generator
    phases: PhaseRunner
    penalties: Penalties
    iteration: int
    num_timesteps: int
    ep_info_buffer: Any
    ep_success_buffer: Any
    _last_obs: Any
    _last_episode_starts: Any
    _n_updates: int
    _current_progress_remaining: float
    _stats_window_size: int

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Everything that moves weights."""
        ...

    def renew_optimizer(self) -> None:
        """Replace the optimizers by fresh ones over what trains now."""
        ...

    def get_own_state(self) -> tuple[Tensors, dict[str, Any]]:
        """Return what only this kind of learner has."""
        ...

    def set_own_state(self, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
        """Continue from what `get_own_state` returned."""
        ...


_FORMAT = 2
_OPTIMIZER, _WORLDS, _SOURCE_WORLDS, _OWN = "optimizer/", "worlds/", "source_worlds/", "own/"  # of tensor names
_PENALTIES = "penalties/"
_FORGED = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RuntimeError, MemoryError)
_OF_WORLDS = (_WORLDS, _SOURCE_WORLDS)  # where a limit that never binds is infinite


def _adapter(env: Any) -> VectorAdapter:
    """Return an environment whose state can be had as arrays, else CheckpointError."""
    if not isinstance(env, VectorAdapter):
        raise CheckpointError(f"{env} cannot hand its state over: give a gymnasium VectorEnv to continue a run exactly")
    return env


def _tensor(array: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.array(array, order="C"))


def below(prefix: str, tensors: Mapping[str, torch.Tensor]) -> Tensors:
    """Return the tensors whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def get_training_state(learner: Continuable) -> tuple[Tensors, dict[str, Any]]:
    """Return (tensors, JSON) of a learner between two updates; see `Learner.get_training_state`.

    AgentsError if one of its encoders acts by something that is no parameter or buffer, which nobody would save.
    """
    if learner._last_obs is None or learner.ep_info_buffer is None:
        raise CheckpointError("the learner has not started: there is no training state before the first learn()")
    for module in learner.policy.modules():
        if isinstance(module, Encoder):  # the value head's own, and slow copies, too
            module.require_saved()
    tensors = {_WORLDS + name: _tensor(value) for name, value in _adapter(learner.env).get_state().items()}
    if learner.source_env is not None:
        source = _adapter(learner.source_env).get_state()
        tensors |= {_SOURCE_WORLDS + name: _tensor(value) for name, value in source.items()}
    for optimizer in learner.optimizers:
        tensors |= {_OPTIMIZER + name: value for name, value in get_moments(learner.policy, optimizer).items()}
    own_tensors, own = learner.get_own_state()
    tensors |= {_OWN + name: value for name, value in own_tensors.items()}
    tensors |= {_PENALTIES + name: value for name, value in learner.penalties.get_state().items()}
    tensors |= {
        "generator": learner.generator.get_state(),
        "last_obs": _tensor(np.asarray(learner._last_obs)),
        "episode_starts": _tensor(np.asarray(learner._last_episode_starts)),
    }
    state = {
        "format": _FORMAT,
        "num_timesteps": int(learner.num_timesteps),
        "num_updates": int(learner._n_updates),
        "iteration": int(learner.iteration),
        "progress_remaining": float(learner._current_progress_remaining),
        "phases": learner.phases.get_state(),
        # without "t", seconds on a clock: two equal runs have equal states
        "episodes": [{k: v for k, v in episode.items() if k != "t"} for episode in learner.ep_info_buffer],
        "weights": parts.digests(learner.policy),
        "own": own,
    }
    require_finite_state(learner, {name: value for name, value in tensors.items() if not name.startswith(_OF_WORLDS)})
    return tensors, state


def array_of(tensors: Mapping[str, torch.Tensor], name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a copy of a tensor as an array; CheckpointError if it is missing or mis-shaped."""
    if name not in tensors or tuple(tensors[name].shape) != shape:
        found = tuple(tensors[name].shape) if name in tensors else "missing"
        raise CheckpointError(f"training state {name!r} must have shape {shape}, it is {found}: same num_envs?")
    if not is_finite(tensors[name]):
        raise CheckpointError(f"training state {name!r} is not finite")
    return tensors[name].numpy().copy()


def set_training_state(learner: Continuable, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
    """Continue from what `get_training_state` returned; see `Learner.set_training_state`."""
    try:
        _set_training_state(learner, tensors, state)
    except AgentsError:
        raise
    except _FORGED as error:  # values that no learner has written
        raise CheckpointError(f"the training state is damaged: {type(error).__name__}: {error}") from error


def count_of(state: Mapping[str, Any], key: str) -> int:
    """Return the whole number of at least 0 under `key`; CheckpointError if it is none."""
    value = state.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**62:
        raise CheckpointError(f"training state {key!r} is {value!r}: it must be a whole number of at least 0")
    return value


def number_of(state: Mapping[str, Any], key: str) -> float:
    """Return the finite number under `key`; CheckpointError if it is none."""
    value = state.get(key)
    if not is_number(value):
        raise CheckpointError(f"training state {key!r} is {value!r}: it must be a finite number")
    return float(value)  # type: ignore[arg-type]


def _episodes_of(state: Mapping[str, Any]) -> list[dict[str, float]]:
    """Return the episodes that ended last; CheckpointError if they are none."""
    rows = state.get("episodes")
    if not isinstance(rows, list) or not all(isinstance(row, dict) and {"r", "l"} <= row.keys() for row in rows):
        raise CheckpointError("training state 'episodes' must be a list of {r, l, reward/<term>}")
    return [{key: count_of(row, key) if key == "l" else number_of(row, key) for key in row} for row in rows]


def _set_training_state(learner: Continuable, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
    if not isinstance(state, Mapping):
        raise CheckpointError(f"training state is {type(state).__name__}, not an object")
    if state.get("format") != _FORMAT:
        raise CheckpointError(f"training state has format {state.get('format')!r}, this version reads {_FORMAT}")
    _require_weights(learner.policy, state["weights"])
    env = _adapter(learner.env)
    obs_shape = (env.num_envs, *(env.observation_space.shape or ()))
    learner._last_obs = array_of(tensors, "last_obs", obs_shape)
    learner._last_episode_starts = array_of(tensors, "episode_starts", (env.num_envs,))
    if "generator" not in tensors:
        raise CheckpointError("training state 'generator' is missing")
    learner.generator.set_state(tensors["generator"].clone())
    env.set_state({name: value.numpy() for name, value in below(_WORLDS, tensors).items()})
    if learner.source_env is not None:
        source = {name: value.numpy() for name, value in below(_SOURCE_WORLDS, tensors).items()}
        _adapter(learner.source_env).set_state(source)
    learner.num_timesteps = count_of(state, "num_timesteps")
    learner._n_updates = count_of(state, "num_updates")
    learner.iteration = count_of(state, "iteration")
    learner._current_progress_remaining = number_of(state, "progress_remaining")
    learner.ep_info_buffer = deque(_episodes_of(state), maxlen=learner._stats_window_size)
    learner.ep_success_buffer = deque(maxlen=learner._stats_window_size)
    learner.phases = PhaseRunner.from_state(learner.policy, env.num_envs, state["phases"])
    learner.set_own_state(below(_OWN, tensors), state["own"])
    learner.penalties.set_state(below(_PENALTIES, tensors))
    learner.renew_optimizer()
    set_moments(learner.policy, learner.optimizers, below(_OPTIMIZER, tensors))


def _require_weights(policy: Parted, digests: Mapping[str, str]) -> None:
    """Raise CheckpointError, naming the parts, unless the policy has the weights with these digests."""
    now = parts.digests(policy)
    other = [part for part, digest in digests.items() if now.get(part) != digest]
    if other:
        raise CheckpointError(
            f"the training state belongs to other weights of {', '.join(other)}: load the weights first, "
            "or apply the run's own plan, if the policy lacks a part"
        )
