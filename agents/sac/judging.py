"""How well the critics explain what came of the last steps: what a stop rule judges them by."""

from __future__ import annotations

import numpy as np
import torch
from stable_baselines3.common.utils import explained_variance

from ..learning.returns import compute_gae
from ..off_policy.replay import Replay
from .policy import SacPolicy

__all__ = ["judge_critics"]


@torch.no_grad()
def judge_critics(policy: SacPolicy, replay: Replay, gamma: float, generator: torch.Generator, num_steps: int) -> float:
    """Return the explained variance of the smallest Q(s, a) on returns (lambda = 1) of the last `num_steps` steps.

    A soft value counts entropy as reward (arXiv 1812.05905, equation 3): the return is the sum of
    gamma^t (reward - gamma temperature log pi(a' | s')), with a' drawn from the policy in what followed, to the end
    of the episode, or to its time limit or the last step and from there the critics' own value of a'.
    """
    policy.set_training_mode(False)  # a judgement moves no BatchNorm and drops nothing out
    rows, shape = replay.recent(num_steps), (-1, replay.num_envs)
    values = policy.values_of(policy.encoder(rows.obs), rows.actions).amin(0)
    features = policy.encoder(rows.next_obs)
    noise = torch.randn(rows.actions.shape, generator=generator).to(rows.actions.device)
    following = policy.sample(features, noise)
    after = rows.continues * policy.values_of(features, following.action).amin(0)
    rewards = rows.rewards - gamma * rows.continues * policy.temperature * following.log_prob
    cut = rewards + torch.where((rows.ended > 0) & (rows.continues > 0), gamma * after, 0.0)
    said, paid, ends, ahead = (x.reshape(shape).cpu().numpy() for x in (values, cut, rows.ended, after))
    starts = np.concatenate([np.zeros_like(ends[:1]), ends[:-1]])
    returns = compute_gae(paid, said, starts, ahead[-1], ends[-1] > 0, gamma, 1.0) + said
    return float(explained_variance(said.flatten(), returns.flatten()))
