"""Collecting transitions: act, step all worlds, put the block into the replay."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from ..learning.finite import require_finite_actions
from ..networks.encoders import Encoder
from ..rollouts.callbacks import report_step
from ..rollouts.rollout import Action, rollout
from ..rollouts.transition import Transition

__all__ = ["Collector", "SamplingPolicy", "collect", "sample_action"]


class SamplingPolicy(Protocol):
    """What collecting needs of a policy."""

    encoder: Encoder
    action_space: spaces.Box

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...

    def sample_actions(self, obs: NDArray[np.float32], generator: torch.Generator) -> NDArray[np.float32]:
        """Return scaled actions (N, A) drawn for raw observations (N, obs_dim)."""
        ...

    def unscale_action(self, scaled_action: NDArray[Any]) -> NDArray[Any]:
        """Return actions of [-1, 1] in units of the action space."""
        ...

    def set_training_mode(self, mode: bool) -> None:
        """Switch training or evaluation."""
        ...

    def update_statistics(self, obs: torch.Tensor) -> None:
        """Merge raw observations (N, obs_dim) into the normaliser."""
        ...


class Collector(Protocol):
    """What collecting needs of a learner."""

    policy: Any  # a SamplingPolicy
    device: torch.device
    action_space: Any
    generator: torch.Generator
    _last_obs: Any
    num_timesteps: int

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Everything that moves weights."""
        ...

    @property
    def acts_at_random(self) -> bool:
        """Whether actions are uniformly random now, whatever the policy says."""
        ...

    def note_step(self, transition: Transition) -> None:
        """Count a step of all worlds and keep what it leaves."""
        ...

    def remember(self, obs: NDArray[np.float32], actions: NDArray[np.float32], transition: Transition) -> None:
        """Keep the step's transitions: what all worlds showed, the scaled actions there, and what came of them."""
        ...


def sample_action(policy: SamplingPolicy, obs: NDArray[np.float32], generator: torch.Generator) -> Action:
    """Return what `policy` draws for raw observations (B, obs_dim)."""
    return _in_units(policy, policy.sample_actions(obs, generator))


def _in_units(policy: SamplingPolicy, scaled: NDArray[np.float32]) -> Action:
    """Return scaled actions (B, action_dim) with those in units of the action space."""
    space = policy.action_space
    return Action(np.clip(policy.unscale_action(scaled), space.low, space.high), scaled)


def _act(learner: Collector, obs: NDArray[np.float32]) -> Action:
    """Return uniformly random actions as long as the learner wants them, then those its policy draws."""
    policy, shape = learner.policy, (len(obs), *learner.action_space.shape)
    if learner.acts_at_random:
        uniform: NDArray[np.float32] = (2.0 * torch.rand(shape, generator=learner.generator) - 1.0).numpy()
        return _in_units(policy, uniform)
    action = sample_action(policy, obs, learner.generator)
    require_finite_actions(learner, obs, action.drawn)
    return action


def collect(learner: Collector, env: VecEnv, callback: BaseCallback, num_steps: int) -> bool:
    """Take `num_steps` steps of every world into the replay; False if a callback ended the training.

    The statistics of observations learn at the end, unless they are frozen. Callbacks find stable-baselines3's names
    in their locals; `buffer_actions` are scaled to [-1, 1], `actions` in units of the action space.
    """
    policy, seen = learner.policy, []
    policy.set_training_mode(False)
    callback.on_rollout_start()
    for step in rollout(env, learner._last_obs, partial(_act, learner), num_steps):
        action = step.action
        seen.append(step.obs)
        learner.remember(step.obs, action.drawn, step.transition)
        learner.note_step(step.transition)
        if not report_step(callback, step, actions=action.applied, buffer_actions=action.drawn):
            return False
    if not policy.encoder.statistics_stand_still:
        policy.update_statistics(torch.from_numpy(np.concatenate(seen)))
    callback.on_rollout_end()
    return True
