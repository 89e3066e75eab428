"""The loss of PPO on a minibatch, as a graph for autograd: the definition faster ways are tested against.

Source: Schulman et al. 2017, arXiv 1707.06347, equations 7 and 9, as stable-baselines3 computes it:
advantages are normalised a minibatch, values are not clipped.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from ..plan.regularisers.kl_source import KlTerm
from .policy import AgentPolicy
from .settings import PPOSettings
from .table import Batch, Columns

__all__ = ["Losses", "compute_loss", "normalize_advantages"]


class Losses(NamedTuple):
    """Of one minibatch, each a tensor (); those of the policy are None where only the value trains."""

    total: torch.Tensor
    value: torch.Tensor
    policy: torch.Tensor | None = None
    entropy: torch.Tensor | None = None  # minus the entropy, as stable-baselines3 logs it
    clip_fraction: torch.Tensor | None = None
    approx_kl: torch.Tensor | None = None  # http://joschu.net/blog/kl-approx.html
    kl_source: torch.Tensor | None = None  # the penalty of that name, where one acts


def normalize_advantages(advantages: torch.Tensor) -> torch.Tensor:
    """Return advantages (N,) with mean 0 and standard deviation 1; a single one stays as it is."""
    if len(advantages) < 2:
        return advantages
    std, mean = torch.std_mean(advantages)
    return (advantages - mean) / (std + 1e-8)


def compute_loss(
    policy: AgentPolicy, batch: Batch, columns: Columns, settings: PPOSettings, kl: KlTerm | None = None
) -> Losses:
    """Return the losses of one minibatch, differentiable through `total`."""
    features = batch.policy_inputs
    if not columns.policy_cached and (columns.shared or not columns.value_only):
        features = policy.encoder.encode(features)
    value_features = features if columns.shared else batch.value_inputs
    if not columns.shared and not columns.value_cached:
        value_features = policy.value_encoder.encode(value_features)
    error = policy.value_of(value_features) - batch.returns
    value_loss = torch.dot(error, error) / len(error)
    if columns.value_only:
        return Losses(settings.vf_coef * value_loss, value_loss)
    mean = policy.action_mean(features)
    z = (batch.actions - mean) * torch.exp(-policy.log_std)
    log_ratio = policy.log_density(z) - batch.log_probs
    ratio = torch.exp(log_ratio)
    advantages = normalize_advantages(batch.advantages)
    clipped = torch.clamp(ratio, 1.0 - settings.clip_range, 1.0 + settings.clip_range)
    policy_loss = -torch.minimum(advantages * ratio, advantages * clipped).mean()
    entropy_loss = -policy.entropy()
    total = policy_loss + settings.ent_coef * entropy_loss + settings.vf_coef * value_loss
    held = None if kl is None else kl.loss(batch.source, mean, policy.log_std)
    if held is not None:
        total = total + held
    with torch.no_grad():
        approx_kl = (ratio - 1.0 - log_ratio).mean()
        clip_fraction = (ratio != clipped).float().mean()
    return Losses(total, value_loss, policy_loss, entropy_loss, clip_fraction, approx_kl, held)
