"""Loss and gradients of a minibatch without autograd, for policies whose every layer `Stack` knows."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from ..networks.backprop import Stack
from ..networks.encoders import MlpEncoder
from ..plan.regularisers.kl_source import KlTerm
from .collection import Batch, Columns
from .policy import AgentPolicy
from .settings import PPOSettings
from .update import Losses, normalize_advantages

__all__ = ["HandGradients"]


def _encoder_layers(encoder: nn.Module) -> list[nn.Module] | None:
    """Return the layers behind an encoder's normaliser, None if it is not one plain stack."""
    if type(encoder) is not MlpEncoder or type(encoder.layers) is not nn.Sequential:
        return None
    return list(encoder.layers)


class HandGradients:
    """The loss of `compute_loss` and its gradients, derived by hand down to the heads' outputs.

    With r the ratio, A the advantage, z = (action - mean) / std and N samples: where the unclipped surrogate
    is the smaller one, dL/d(log-prob) = -A r / N, elsewhere 0; d(log-prob)/d(mean) = z / std;
    d(log-prob)/d(log std) = z^2 - 1; dL/d(value) = 2 vf_coef (value - return) / N; dL/d(log std) of the
    entropy is -ent_coef.
    """

    accumulates: ClassVar[bool] = False

    def __init__(
        self, policy: AgentPolicy, columns: Columns, settings: PPOSettings, max_rows: int, kl: KlTerm | None = None
    ) -> None:
        """Prepare for minibatches of at most `max_rows` samples. Ask `supports` before."""
        self._policy, self._columns, self._settings, self._kl = policy, columns, settings, kl
        self._policy_stack = Stack([*policy.mlp_extractor.policy_net, policy.action_net], max_rows)
        self._value_stack = Stack([*policy.mlp_extractor.value_net, policy.value_net], max_rows)
        self._encoder = Stack([] if columns.policy_cached else _encoder_layers(policy.encoder) or [], max_rows)
        self._value_encoder = self._encoder
        if not columns.shared:
            layers = [] if columns.value_cached else _encoder_layers(policy.value_encoder) or []
            self._value_encoder = Stack(layers, max_rows)

    @staticmethod
    def supports(policy: AgentPolicy) -> bool:
        """Return whether encoders and heads are made of layers that are known, and nothing was added to them."""
        if policy.adapters is not None:
            return False
        for encoder in (policy.encoder, policy.value_encoder):
            layers = _encoder_layers(encoder)
            if layers is None or not Stack.supports(layers):
                return False
        heads = (
            (policy.mlp_extractor.policy_net, policy.action_net),
            (policy.mlp_extractor.value_net, policy.value_net),
        )
        return all(Stack.supports([*hidden, output]) for hidden, output in heads)

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Losses:
        """Return the losses of one minibatch and leave its gradients in `.grad` of everything that trains."""
        columns, settings = self._columns, self._settings
        run_policy_encoder = columns.shared or not columns.value_only
        features = self._encoder.forward(batch.policy_inputs) if run_policy_encoder else batch.policy_inputs
        value_features = features if columns.shared else self._value_encoder.forward(batch.value_inputs)
        error = self._value_stack.forward(value_features).squeeze(-1) - batch.returns
        value_loss = torch.dot(error, error) / len(error)
        by_value = (error * (2.0 * settings.vf_coef / len(error))).unsqueeze(-1)
        below = self._value_stack.backward(by_value, to_input=self._value_encoder.trains)
        if columns.value_only:
            self._finish(self._value_encoder, below)
            return Losses(settings.vf_coef * value_loss, value_loss)
        losses, by_mean = self._policy_loss(batch, self._policy_stack.forward(features), value_loss)
        by_features = self._policy_stack.backward(by_mean, to_input=self._encoder.trains)
        if not columns.shared:
            self._finish(self._value_encoder, below)
        elif below is not None and by_features is not None:
            by_features = by_features.add_(below)
        self._finish(self._encoder, by_features)
        return losses

    @staticmethod
    def _finish(encoder: Stack, by_features: torch.Tensor | None) -> None:
        """Carry the gradient by the features into the encoder, if there is one that trains."""
        if by_features is not None:
            encoder.backward(by_features, to_input=False)

    def _policy_loss(self, batch: Batch, mean: torch.Tensor, value_loss: torch.Tensor) -> tuple[Losses, torch.Tensor]:
        """Return the losses and the gradient by the mean action (N, action_dim); sets that of log_std."""
        settings, log_std = self._settings, self._policy.log_std
        inverse_std = torch.exp(-log_std)
        z = (batch.actions - mean).mul_(inverse_std)
        log_ratio = self._policy.log_density(z) - batch.log_probs
        ratio = torch.exp(log_ratio)
        clipped = torch.clamp(ratio, 1.0 - settings.clip_range, 1.0 + settings.clip_range)
        advantages = normalize_advantages(batch.advantages)
        plain, bounded = advantages * ratio, advantages * clipped
        policy_loss = -torch.minimum(plain, bounded).mean()
        by_log_prob = torch.where(plain <= bounded, plain, 0.0).mul_(-1.0 / len(plain))
        if log_std.requires_grad:
            by_log_std = torch.mv((z * z).t(), by_log_prob).sub_(by_log_prob.sum() + settings.ent_coef)
            log_std.grad = by_log_std if log_std.grad is None else log_std.grad.copy_(by_log_std)
        by_mean = z.mul_(inverse_std).mul_(by_log_prob.unsqueeze(-1))
        entropy_loss = -self._policy.entropy()
        total = policy_loss + settings.ent_coef * entropy_loss + settings.vf_coef * value_loss
        if settings.bounds_coef:
            beyond = self._policy.beyond_bounds(mean)
            total = total + settings.bounds_coef * (beyond * beyond).sum() / len(mean)
            by_mean.add_(beyond, alpha=2.0 * settings.bounds_coef / len(mean))
        divergence = self._add_divergence(batch, mean, by_mean)
        if divergence is not None:
            total = total + divergence
        clip_fraction = (ratio != clipped).float().mean()
        approx_kl = (ratio - 1.0 - log_ratio).mean()
        return Losses(total, value_loss, policy_loss, entropy_loss, clip_fraction, approx_kl, divergence), by_mean

    def _add_divergence(self, batch: Batch, mean: torch.Tensor, by_mean: torch.Tensor) -> torch.Tensor | None:
        """Add the gradients of the divergence from the source, if there is one, and return its value."""
        if self._kl is None:
            return None
        log_std = self._policy.log_std
        more_by_mean, by_log_std = self._kl.gradients(batch.source, mean, log_std)
        by_mean.add_(more_by_mean)
        if log_std.grad is not None and log_std.requires_grad:
            log_std.grad.add_(by_log_std.sum(0))
        return self._kl.loss(batch.source, mean, log_std)
