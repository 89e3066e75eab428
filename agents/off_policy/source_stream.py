"""SourceStream: transitions of the source beside the target's: those taken before, and those taken on the way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from ..errors import CheckpointError
from ..learning.training_state import below
from ..plan.source_data import SourceData
from ..rollouts.rollout import rollout
from .collection import SamplingPolicy, sample_action
from .darc import ClassifierSettings, DomainClassifiers
from .feature_cache import FeatureCache
from .pools import Pool
from .replay import Replay

__all__ = ["SourceStream"]

_REPLAY, _CLASSIFIERS, _OBS = "replay/", "classifiers/", "obs"  # of tensor names


class SourceStream:
    """The source's worlds, a replay of what was done there, and the classifiers that correct its rewards, if wanted.

    What is collected is kept as it is, so that a run that is continued takes no step of the source again.
    """

    def __init__(self, wanted: SourceData, worlds: VecEnv, policy: SamplingPolicy, buffer_size: int, seed: int) -> None:
        """Begin with nothing; `policy` says how large transitions are, `seed` draws the classifiers' weights.

        `buffer_size` bounds the replay where the source is stepped all along.
        """
        self.wanted, self._worlds = wanted, worlds
        obs_dim, action_dim = worlds.observation_space.shape[0], policy.action_space.shape[0]  # type: ignore[index]
        steps = -(-wanted.steps // worlds.num_envs) * worlds.num_envs
        capacity = max(steps, buffer_size) if wanted.per_target_step else steps
        self.replay = Replay(max(capacity, worlds.num_envs), obs_dim, action_dim, worlds.num_envs, policy.device)
        self.cache = FeatureCache(self.replay, policy.device)
        self.classifiers: DomainClassifiers | None = None
        if wanted.corrected:
            self.classifiers = DomainClassifiers(obs_dim, action_dim, ClassifierSettings(), seed).to(policy.device)
        self._obs: NDArray[np.float32] | None = None
        self.due_steps, self.due_updates = 0, 0.0  # world-steps, and updates of the classifiers

    @property
    def begun(self) -> bool:
        """Whether the steps before the target's first have been taken."""
        return self._obs is not None

    def begin(self, source: SamplingPolicy, generator: torch.Generator) -> None:
        """Take the steps that come before the target's first, by the policy of the `source`."""
        self._obs = np.asarray(self._worlds.reset(), np.float32)
        num_steps = -(-self.wanted.steps // self._worlds.num_envs)
        self._step(source, num_steps, generator)
        if self.classifiers is not None:
            self.classifiers.measure(self.replay.recent(num_steps))

    def follow(
        self, policy: SamplingPolicy, target: Replay, target_steps: int, generator: torch.Generator
    ) -> float | None:
        """Do here what belongs to `target_steps` more world-steps of the target, in its replay `target`.

        Steps by the `policy` that learns, then updates of the classifiers; returns their loss, None without any.
        """
        self.due_steps += self.wanted.per_target_step * target_steps
        num_steps, self.due_steps = divmod(self.due_steps, self._worlds.num_envs)
        self._step(policy, num_steps, generator)
        if self.classifiers is None:
            return None
        self.due_updates += self.classifiers.settings.gradient_steps * target_steps
        num = math.floor(self.due_updates)
        self.due_updates -= num
        return self.classifiers.learn(self.replay, target, num, generator) if num else None

    def _step(self, policy: SamplingPolicy, num_steps: int, generator: torch.Generator) -> None:
        """Step all worlds `num_steps` times, into the replay."""
        assert self._obs is not None
        policy.set_training_mode(False)
        for step in rollout(self._worlds, self._obs, lambda obs: sample_action(policy, obs, generator), num_steps):
            rows = self.replay.add(step.obs, step.action.drawn, step.transition)
            if self.cache.valid:
                self.cache.refresh(policy.encoder, rows)
            self._obs = step.transition.obs

    def pools(self, target: Pool, encoder: Any) -> list[Pool]:
        """Return what batches are drawn from: `share` of their rows from here, the rest from `target`.

        `encoder`: features of this frozen encoder are cached; None: they are not.
        """
        if encoder is not None:
            self.cache.refresh(encoder)
        rows = round(self.wanted.share * target.rows)
        correction = None if self.classifiers is None else self.classifiers.correction
        own = Pool(self.replay, rows, self.cache if encoder is not None else None, correction)
        return [pool for pool in (own, target._replace(rows=target.rows - rows)) if pool.rows]

    def get_state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Return all transitions, where the worlds stand, the classifiers; nothing before `begin`."""
        if self._obs is None:
            return {}, {}
        tensors, replay = self.replay.get_state()
        found = {_REPLAY + name: tensor for name, tensor in tensors.items()}
        found[_OBS] = torch.from_numpy(self._obs.copy())
        if self.classifiers is not None:
            found |= {_CLASSIFIERS + name: tensor for name, tensor in self.classifiers.get_state().items()}
        return found, {"replay": replay, "owed_steps": self.due_steps, "owed_updates": self.due_updates}

    def set_state(self, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
        """Continue from what `get_state` returned; CheckpointError if it does not fit."""
        self.cache.forget()
        if not state:
            self._obs = None
            return
        shape = (self._worlds.num_envs, *(self._worlds.observation_space.shape or ()))
        if _OBS not in tensors or tuple(tensors[_OBS].shape) != shape:
            raise CheckpointError(f"the source's worlds saved are not {shape[0]} that show {shape[1:]}: same num_envs?")
        self.replay.set_state(below(_REPLAY, tensors), state["replay"])
        if self.classifiers is not None:
            self.classifiers.set_state(below(_CLASSIFIERS, tensors))
        self._obs = tensors[_OBS].numpy().copy()
        self.due_steps, self.due_updates = int(state["owed_steps"]), float(state["owed_updates"])
