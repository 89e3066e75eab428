"""Losses and gradients of a minibatch without autograd, for policies whose every layer `Stack` knows."""

from __future__ import annotations

import torch
from torch import nn

from ..networks.backprop import Stack
from ..networks.encoders import GroupEncoder, MlpEncoder
from ..networks.ensemble_stack import EnsembleStack
from ..plan.regularisers.kl_source import KlTerm
from .batches import Batch
from .policy import SacPolicy
from .settings import SACSettings
from .squash import Sample, output_gradient, sample_gradient, split_output, squash_sample

__all__ = ["HandGradients"]


def _layers(encoder: nn.Module) -> list[nn.Module] | None:
    """Return the layers behind an encoder's normaliser, None if it is not one plain stack."""
    return list(encoder.layers) if type(encoder) is MlpEncoder else None


def _head(policy: SacPolicy) -> list[nn.Module]:
    return [*policy.policy_hidden, policy.policy_output]


class HandGradients:
    """The losses of `loss` and their gradients, derived by hand.

    With B samples: dL/dQ_i = (Q_i - target) / B of the critics' loss, down through the critics into the encoder. Of
    the policy's loss dL/dQ_i = -1 / B for the smaller of two critics, -1 / (M B) for each of M; down through the
    critics, whose own gradients are left out, to the action; d(log pi) as in `squash`. What was seen and what
    followed go through encoder and policy head in one pass, of which the first half alone is carried back; so the
    policy reads the features from before this update's step of the encoder.
    """

    def __init__(self, policy: SacPolicy, settings: SACSettings, cached: bool) -> None:
        """Prepare for batches whose inputs are features if `cached`. Ask `supports` before."""
        rows, num, subset = settings.batch_size, settings.num_critics, settings.num_subset
        layers = [] if cached else _layers(policy.encoder) or []
        self._encoder = Stack(layers, 2 * rows)
        self._slow_encoder: Stack | None = None
        if layers and policy.target_encoder is not policy.encoder:
            self._slow_encoder = Stack(_layers(policy.target_encoder) or [], rows)
        self._policy = Stack(_head(policy), 2 * rows)
        self._critic = EnsembleStack(policy.critic, rows, num)
        self._asked = self._critic if subset == num else EnsembleStack(policy.critic, rows, subset)
        self._target = EnsembleStack(policy.critic_target, rows, subset, beside=self._asked)
        self._gamma, self._policy_takes_mean = settings.gamma, num > 2
        # elsewhere the sizes of groups would be waited for, and zeros cost nothing
        self._sorts_by_critic = policy.log_temperature.device.type == "cpu"
        self._features = self._next_features = torch.empty(0)
        self._sample: Sample | None = None
        self._following: Sample | None = None

    @staticmethod
    def supports(policy: SacPolicy, cached: bool) -> bool:
        """Return whether all layers of policy head and, unless features are `cached`, encoder are known."""
        if isinstance(policy.encoder, GroupEncoder):
            return False
        layers = [] if cached else _layers(policy.encoder)
        return policy.adapters is None and layers is not None and all(map(Stack.supports, (layers, _head(policy))))

    @torch.no_grad()
    def act(self, batch: Batch, with_policy: bool) -> torch.Tensor | None:
        """Encode a batch and draw actions; return the log-probs (B,) of those for what was seen if `with_policy`."""
        rows = len(batch.inputs)
        features = self._encoder.forward(torch.cat([batch.inputs, batch.next_inputs]))
        self._features, self._next_features = features[:rows], features[rows:]
        if not with_policy:
            self._following = squash_sample(self._policy.forward(self._next_features), batch.next_noise)
            return None
        both = squash_sample(self._policy.forward(features), torch.cat([batch.noise, batch.next_noise]))
        self._sample = Sample(*(tensor[:rows] for tensor in both))
        self._following = Sample(*(tensor[rows:] for tensor in both))
        return self._sample.log_prob

    @torch.no_grad()
    def of_critics(self, batch: Batch, temperature: torch.Tensor, parameters: list[torch.Tensor]) -> torch.Tensor:
        """Return the critics' loss () and leave its gradients in `.grad` of what trains of encoder and critics."""
        following, features = self._following, self._next_features
        assert following is not None
        if self._slow_encoder is not None:
            features = self._slow_encoder.forward(batch.next_inputs)
        values = self._target.forward(torch.cat([features, following.action], dim=1), batch.subset).amin(0)
        soft_values = values - temperature * following.log_prob
        targets = torch.addcmul(batch.rewards, batch.continues, soft_values, value=self._gamma)
        errors = self._critic.forward(torch.cat([self._features, batch.actions], dim=1)) - targets
        loss = 0.5 / len(targets) * torch.dot(errors.view(-1), errors.view(-1))
        columns = slice(0, self._features.shape[1]) if self._encoder.trains else None
        below = self._critic.backward(errors.div_(len(targets)), columns, to_weights=True)
        if below is not None:
            self._encoder.backward(below, to_input=False)
        return loss

    @torch.no_grad()
    def of_policy(
        self, batch: Batch, temperature: torch.Tensor, parameters: list[torch.Tensor], kl: KlTerm | None = None
    ) -> torch.Tensor:
        """Return the policy's loss () for the actions last drawn and leave its gradients in `.grad` of its head."""
        sample, rows = self._sample, len(batch.actions)
        assert sample is not None
        values = self._asked.forward(torch.cat([self._features, sample.action], dim=1), batch.subset)
        columns = slice(self._features.shape[1], None)
        if self._policy_takes_mean:
            value, by_value = values.mean(0), torch.full_like(values, -1.0 / (len(values) * rows))
            by_action = self._asked.backward(by_value, columns, to_weights=False)
        else:
            value, smaller = values.min(dim=0)
            by_action = self._through_smaller(values, smaller, columns)
        loss = (temperature * sample.log_prob - value).mean()
        assert by_action is not None
        by_output = sample_gradient(sample, by_action, temperature / rows)
        if kl is not None:
            gaussian, wanted = split_output(sample.output), kl.targets(batch.obs)
            loss = loss + kl.loss(wanted, *gaussian)
            by_output = by_output.add_(output_gradient(sample, *kl.gradients(wanted, *gaussian)))
        self._policy.backward(by_output, to_input=False)
        return loss

    def _through_smaller(self, values: torch.Tensor, smaller: torch.Tensor, columns: slice) -> torch.Tensor | None:
        """Return the gradient by the action of minus the mean of the `smaller` (rows,) of two critics' `values`."""
        by_one = -1.0 / len(smaller)
        if self._sorts_by_critic:
            return self._asked.backward_of_chosen(smaller, by_one, columns)
        by_value = torch.zeros_like(values).scatter_(0, smaller.unsqueeze(0), by_one)
        return self._asked.backward(by_value, columns, to_weights=False)
