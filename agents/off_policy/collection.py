"""Collecting transitions: act, step all worlds, put the block into the replay."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from ..learning.finite import require_finite_actions
from ..networks.encoders import Encoder
from ..rollouts.stepping import step_worlds
from ..rollouts.transition import Transition

__all__ = ["Collector", "SamplingPolicy", "collect", "draw_actions"]


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


def draw_actions(learner: Collector, obs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return scaled actions (B, action_dim) within [-1, 1] for raw observations (B, obs_dim)."""
    shape = len(obs), *learner.action_space.shape
    if learner.acts_at_random:
        uniform: NDArray[np.float32] = (2.0 * torch.rand(shape, generator=learner.generator) - 1.0).numpy()
        return uniform
    drawn: NDArray[np.float32] = learner.policy.sample_actions(obs, learner.generator)
    return drawn


def collect(learner: Collector, env: VecEnv, callback: BaseCallback, num_steps: int) -> bool:
    """Take `num_steps` steps of every world into the replay; False if a callback ended the training.

    The statistics of observations learn at the end, unless they are frozen. Callbacks find stable-baselines3's names
    in their locals; `buffer_actions` are scaled to [-1, 1], `actions` in units of the action space.
    """
    policy, space = learner.policy, learner.action_space
    policy.set_training_mode(False)
    callback.on_rollout_start()
    seen = []
    for _ in range(num_steps):
        obs = np.asarray(learner._last_obs, np.float32)
        seen.append(obs)
        buffer_actions = draw_actions(learner, obs)
        require_finite_actions(learner, obs, buffer_actions)
        actions = np.clip(policy.unscale_action(buffer_actions), space.low, space.high)
        transition, infos = step_worlds(env, actions)
        new_obs, rewards, dones = transition.obs, transition.reward, transition.done
        learner.remember(obs, buffer_actions, transition)
        learner.note_step(transition)
        callback.update_locals(locals())
        if not callback.on_step():
            return False
    if not policy.encoder.statistics_stand_still:
        policy.update_statistics(torch.from_numpy(np.concatenate(seen)))
    callback.on_rollout_end()
    return True
