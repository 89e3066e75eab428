"""A rollout: a loop that does little, at its end everything that can be computed at once, and then one table of it.

The table has float32 columns side by side, so that a permutation of all of them is one gather. What is the same for a
whole update is computed there, once: normalised observations (the statistics stand still within an update) or, where
the encoder is frozen, its features.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from ..learning.finite import require_finite_actions
from ..learning.returns import Rollout
from ..networks.encoders import Encoder
from ..networks.freezing import is_frozen
from ..networks.value_scale import compute_return_traces
from ..plan.regularisers.kl_source import KlTerm
from ..rollouts.callbacks import report_step
from ..rollouts.rollout import Action, rollout
from ..rollouts.transition import Transition
from .policy import AgentPolicy

__all__ = ["Batch", "Collector", "Columns", "Truncations", "collect", "finish_rollout", "make_table"]


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

    def act(obs: NDArray[np.float32]) -> Action:
        with torch.no_grad():
            features = policy.encoder(torch.from_numpy(obs).to(device))
            actions = (policy.action_mean(features) + offsets[rollout_buffer.pos]).cpu().numpy()
        require_finite_actions(learner, obs, actions)
        return Action(np.clip(actions, space.low, space.high), actions, features)

    truncations = Truncations()
    dones = np.asarray(learner._last_episode_starts, bool)
    for step in rollout(env, learner._last_obs, act, n_rollout_steps):
        action, transition = step.action, step.transition
        truncations.add(rollout_buffer.pos, transition)
        rollout_buffer.put(step.obs, action.drawn, transition.reward, dones, action.features)
        dones = transition.done
        learner.note_step(transition)
        names = {"rollout_buffer": rollout_buffer, "actions": action.drawn, "clipped_actions": action.applied}
        if not report_step(callback, step, **names):
            return False
    renew = learner.scale_is_old and not is_frozen(policy.return_scale) and not is_frozen(policy.value_net)
    traces = finish_rollout(
        policy, rollout_buffer, noise, learner._last_obs, dones, truncations, learner.return_traces, renew
    )
    learner.return_traces, learner.scale_is_old = traces, learner.scale_is_old and not renew
    callback.on_rollout_end()
    return True


class Batch(NamedTuple):
    """One minibatch of N samples; where the value alone trains, the policy's columns are empty, (N, 0)."""

    policy_inputs: torch.Tensor  # (N, D): normalised observations or cached features
    value_inputs: torch.Tensor  # (N, D'), (N, 0) where the encoder is shared
    actions: torch.Tensor  # (N, action_dim)
    log_probs: torch.Tensor  # (N,) when they were collected
    advantages: torch.Tensor  # (N,)
    returns: torch.Tensor  # (N,) in the value head's unit
    source: torch.Tensor  # (N, 2 A) means and log stds of the source's policy, (N, 0) where nobody asks for them


@dataclass(frozen=True)
class Columns:
    """How the table is laid out, and which of its inputs are features already."""

    widths: tuple[int, ...]  # of the fields of Batch
    shared: bool  # one encoder for both heads
    policy_cached: bool  # policy_inputs are features
    value_cached: bool  # value_inputs are features
    value_only: bool  # the policy does not train

    def batch(self, rows: torch.Tensor) -> Batch:
        """Return the columns of `rows` (N, D) as views."""
        columns = torch.split(rows, list(self.widths), dim=1)
        if self.value_only:
            vectors = columns[3], columns[4], columns[5].squeeze(-1)
        else:
            vectors = columns[3].squeeze(-1), columns[4].squeeze(-1), columns[5].squeeze(-1)
        return Batch(columns[0], columns[1], columns[2], *vectors, columns[6])


def _inputs(encoder: Encoder, obs: torch.Tensor, features: torch.Tensor | None) -> tuple[torch.Tensor, bool]:
    """Return what an update feeds behind the normaliser (N, D), and whether that is features already.

    `features` are those of an encoder that keeps them throughout the update, None for others.
    """
    if features is not None:
        return features, True
    with torch.no_grad():
        return encoder.normalize(obs), False


def make_table(
    policy: AgentPolicy, rollout: Rollout, cache: bool, value_only: bool, kl: KlTerm | None = None
) -> tuple[torch.Tensor, Columns]:
    """Return the rollout as one table (T * B, D) on the learner's device, and its layout.

    What the source's policy would do in every state is computed here too, if `kl` penalises the divergence from it.
    """
    obs = rollout.flat("observations")
    empty = obs[:, :0]
    shared = policy.value_encoder is policy.encoder
    policy_inputs, policy_cached, value_inputs, value_cached = empty, False, empty, False
    if shared or not value_only:
        features = rollout.features.reshape(len(obs), -1)
        kept = features if cache and policy.keeps_features else None
        policy_inputs, policy_cached = _inputs(policy.encoder, obs, kept)
    if not shared:
        kept = rollout.value_features if cache and is_frozen(policy.value_encoder) else None
        value_inputs, value_cached = _inputs(policy.value_encoder, obs, kept)
    names = ("actions", "log_probs", "advantages")
    policy_columns = [empty if value_only else rollout.flat(name) for name in names]
    source = empty if kl is None else kl.targets(obs)
    columns = [policy_inputs, value_inputs, *policy_columns, rollout.flat("returns"), source]
    widths = tuple(column.shape[1] for column in columns)
    return torch.cat(columns, dim=1), Columns(widths, shared, policy_cached, value_cached, value_only)
