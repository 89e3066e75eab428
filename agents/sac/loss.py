"""The losses of SAC on a minibatch, as graphs for autograd: the definition that faster ways are tested against.

Source: Haarnoja et al. 2018, arXiv 1812.05905, equations 5, 9 and 18, as stable-baselines3 computes them. Of N
critics a target takes the smallest of a random M (REDQ, Chen et al. 2021, arXiv 2101.05982, algorithm 1). The policy
climbs the smaller of two; of more than two the mean of the same M, whose expectation is the mean of all N
that REDQ climbs, at M / N of the cost.
"""

from __future__ import annotations

import torch

from ..plan.regularisers.kl_source import KlTerm
from .batches import Batch
from .policy import SacPolicy
from .squash import Sample, split_output

__all__ = ["AutogradGradients", "compute_critic_loss", "compute_policy_loss", "compute_targets"]


@torch.no_grad()
def compute_targets(
    policy: SacPolicy, batch: Batch, temperature: torch.Tensor, gamma: float, cached: bool
) -> torch.Tensor:
    """Return what the critics should say, (B,): reward + gamma (min Q' - temperature log pi) unless the task ended.

    `cached`: the batch's inputs are features.
    """
    inputs = batch.next_inputs
    features = inputs if cached else policy.encoder.encode(inputs)
    slow_features = inputs if cached else policy.target_encoder.encode(inputs)
    following = policy.sample(features, batch.next_noise)
    values = policy.values_of(slow_features, following.action, batch.subset, slow=True).amin(0)
    targets: torch.Tensor = batch.rewards + gamma * batch.continues * (values - temperature * following.log_prob)
    return targets


def compute_critic_loss(policy: SacPolicy, features: torch.Tensor, batch: Batch, targets: torch.Tensor) -> torch.Tensor:
    """Return half the mean squared error, summed over the critics, ()."""
    errors = policy.values_of(features, batch.actions) - targets
    loss: torch.Tensor = 0.5 * errors.square().mean(1).sum()
    return loss


def compute_policy_loss(
    policy: SacPolicy, features: torch.Tensor, sample: Sample, batch: Batch, temperature: torch.Tensor
) -> torch.Tensor:
    """Return the mean of temperature log pi - Q, ()."""
    values = policy.values_of(features, sample.action, batch.subset)
    value = values.mean(0) if policy.critic.num > 2 else values.amin(0)
    loss: torch.Tensor = (temperature * sample.log_prob - value).mean()
    return loss


class AutogradGradients:
    """Losses and gradients for policies with layers that only autograd knows; see `gradients.HandGradients`."""

    def __init__(self, policy: SacPolicy, gamma: float, cached: bool) -> None:
        """Prepare for batches whose inputs are features if `cached`."""
        self._policy, self._gamma, self._cached = policy, gamma, cached
        self._features = torch.empty(0)
        self._sample: Sample | None = None

    def act(self, batch: Batch, with_policy: bool) -> torch.Tensor | None:
        """Encode what was seen; draw actions for it and return their log-probs (B,) if `with_policy`."""
        self._features = batch.inputs if self._cached else self._policy.encoder.encode(batch.inputs)
        if not with_policy:
            return None
        self._sample = self._policy.sample(self._features.detach(), batch.noise)
        return self._sample.log_prob.detach()

    def of_critics(self, batch: Batch, temperature: torch.Tensor, parameters: list[torch.Tensor]) -> torch.Tensor:
        """Return the critics' loss () and leave its gradients in `.grad` of `parameters`."""
        targets = compute_targets(self._policy, batch, temperature, self._gamma, self._cached)
        loss = compute_critic_loss(self._policy, self._features, batch, targets)
        _backward(loss, parameters)
        self._policy.share_buffers()  # which may have moved by being used, as BatchNorm's do
        return loss.detach()

    def of_policy(
        self, batch: Batch, temperature: torch.Tensor, parameters: list[torch.Tensor], kl: KlTerm | None = None
    ) -> torch.Tensor:
        """Return the policy's loss () for the actions last drawn and leave its gradients in `.grad` of `parameters`."""
        assert self._sample is not None
        loss = compute_policy_loss(self._policy, self._features.detach(), self._sample, batch, temperature)
        if kl is not None:
            loss = loss + kl.loss(kl.targets(batch.obs), *split_output(self._sample.output))
        _backward(loss, parameters)
        return loss.detach()


def _backward(loss: torch.Tensor, parameters: list[torch.Tensor]) -> None:
    """Leave the gradients of `loss` by `parameters`, and by nothing else, in their `.grad`."""
    for parameter in parameters:
        parameter.grad = None
    loss.backward(inputs=parameters)  # type: ignore[no-untyped-call]
