"""Collecting a rollout: a loop that does little, and at its end everything that can be computed at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from ..learning.finite import require_finite_actions
from ..learning.returns import Rollout
from ..networks.freezing import is_frozen
from ..networks.value_scale import compute_return_traces
from ..rollouts.stepping import step_worlds
from ..rollouts.transition import Transition
from .policy import AgentPolicy

__all__ = ["Collector", "Truncations", "collect", "finish_rollout"]


class Collector(Protocol):
    """What collecting needs of a learner."""

    policy: AgentPolicy
    device: torch.device
    action_space: Any
    generator: torch.Generator
    return_traces: NDArray[np.float64]
    scale_is_old: bool
    _last_obs: Any
    _last_episode_starts: Any
    num_timesteps: int

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Everything that moves weights."""
        ...

    def note_step(self, transition: Transition) -> None:
        """Count a step of all worlds and keep what it leaves."""
        ...


@dataclass
class Truncations:
    """Episodes of one rollout that a time limit cut: their last observations wait for one batched value."""

    steps: list[NDArray[np.intp]] = field(default_factory=list)
    worlds: list[NDArray[np.intp]] = field(default_factory=list)
    obs: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, step: int, transition: Transition) -> None:
        """Keep the truncated worlds of one step; one that terminated as well has value 0, it is left out."""
        if not transition.ended.size:
            return
        cut = transition.truncated[transition.ended] & ~transition.terminated[transition.ended]
        self.steps.append(np.full(int(cut.sum()), step, np.intp))
        self.worlds.append(transition.ended[cut])
        self.obs.append(transition.final_obs[cut])


@torch.no_grad()
def _fill_values(policy: AgentPolicy, rollout: Rollout) -> None:
    """Fill `rollout.values` by one pass over all T * B features."""
    if policy.value_encoder is policy.encoder:
        features = rollout.features.reshape(-1, rollout.features.shape[-1])
    else:
        features = policy.value_encoder(rollout.flat("observations"))
        rollout.value_features = features if is_frozen(policy.value_encoder) else None
    values = policy.value_of(features)
    rollout.values[:] = values.cpu().numpy().reshape(rollout.values.shape)


@torch.no_grad()
def finish_rollout(
    policy: AgentPolicy,
    rollout: Rollout,
    noise: torch.Tensor,
    last_obs: NDArray[np.float32],
    last_dones: NDArray[np.bool_],
    truncations: Truncations,
    traces: NDArray[np.float64],
    renew_scale: bool = False,
) -> NDArray[np.float64]:
    """Fill log-probs, values, scaled rewards with bootstraps, advantages and returns of a collected rollout.

    `noise` (T, B, action_dim) are the standard normal numbers of the actions, `traces` (B,) the discounted
    returns at the rollout's start; returned are those at its end. A truncated episode's last reward gets
    gamma times the value of its last observation, because a time limit is the experimenter's, not the task's
    (Pardo et al. 2018, arXiv 1712.00378). The scale of returns is updated only while the value head trains; with
    `renew_scale` this rollout is the first that counts for it.
    """
    rollout.log_probs[:] = policy.log_density(noise).cpu().numpy()
    dones = np.concatenate([rollout.episode_starts[1:].astype(bool), last_dones[None]])
    past, traces = compute_return_traces(rollout.rewards, dones, traces, rollout.gamma)
    if renew_scale:
        policy.renew_return_scale(past)
    _fill_values(policy, rollout)
    if not renew_scale and not is_frozen(policy.return_scale):
        policy.return_scale.update(past)
    rollout.rewards[:] = policy.return_scale.scale(rollout.rewards)
    ahead = torch.from_numpy(np.concatenate([*truncations.obs, last_obs])).to(policy.device)
    values = policy.value_of(policy.value_encoder(ahead))
    num_cut = len(ahead) - len(last_obs)
    if num_cut:
        where = np.concatenate(truncations.steps), np.concatenate(truncations.worlds)
        rollout.rewards[where] += rollout.gamma * values[:num_cut].cpu().numpy()
    rollout.compute_returns_and_advantage(values[num_cut:], last_dones)
    return traces


def collect(
    learner: Collector, env: VecEnv, callback: BaseCallback, rollout_buffer: Rollout, n_rollout_steps: int
) -> bool:
    """Fill the buffer with `n_rollout_steps` steps of every world; False if a callback ended the training.

    A step does what the world needs and no more: observation, features, mean action plus noise that was drawn
    for the whole rollout at once. Callbacks find stable-baselines3's names in their locals.
    """
    policy, device = learner.policy, learner.device
    policy.set_training_mode(False)
    rollout_buffer.reset(n_rollout_steps)
    callback.on_rollout_start()
    space = learner.action_space
    noise = torch.randn((n_rollout_steps, env.num_envs, *space.shape), generator=learner.generator).to(device)
    with torch.no_grad():
        offsets = noise * torch.exp(policy.log_std)
    truncations = Truncations()
    obs, dones = np.asarray(learner._last_obs, np.float32), np.asarray(learner._last_episode_starts, bool)
    for n_steps in range(n_rollout_steps):
        with torch.no_grad():
            features = policy.encoder(torch.from_numpy(obs).to(device))
            actions = (policy.action_mean(features) + offsets[n_steps]).cpu().numpy()
        require_finite_actions(learner, obs, actions)
        clipped_actions = np.clip(actions, space.low, space.high)
        transition, infos = step_worlds(env, clipped_actions)
        new_obs, rewards = transition.obs, transition.reward
        rollout_buffer.put(obs, actions, rewards, dones, features)
        truncations.add(n_steps, transition)
        obs, dones = new_obs, transition.done
        learner.note_step(transition)
        callback.update_locals(locals())
        if not callback.on_step():
            return False
    renew = learner.scale_is_old and not is_frozen(policy.return_scale) and not is_frozen(policy.value_net)
    traces = finish_rollout(policy, rollout_buffer, noise, obs, dones, truncations, learner.return_traces, renew)
    learner.return_traces, learner.scale_is_old = traces, learner.scale_is_old and not renew
    callback.update_locals(locals())
    callback.on_rollout_end()
    return True
