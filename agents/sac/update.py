"""SAC's updates: critics, then policy and temperature, then slow copies; a lean loop that never waits for a number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import torch

from ..learning.optimizer import trained_parameters
from ..off_policy.target_networks import polyak_update
from ..plan.regularisers import ActivePenalties, PenaltyTerms
from ..plan.regularisers.kl_source import KlTerm
from .batches import Batch
from .gradients import HandGradients
from .loss import AutogradGradients
from .policy import SacPolicy
from .settings import SACSettings

__all__ = ["Optimizers", "Updater"]

_NONE = ActivePenalties()


@dataclass(frozen=True)
class Optimizers:
    """Who moves what: the two step one after the other within an update. None: nothing of it trains."""

    critics: torch.optim.Optimizer | None  # encoder and critics, by the critics' loss
    policy: torch.optim.Optimizer | None  # policy head and temperature

    def present(self) -> list[torch.optim.Optimizer]:
        """Return those that move anything."""
        return [found for found in (self.critics, self.policy) if found is not None]


class _Gradients(Protocol):
    """Losses and gradients of one minibatch after the other; see `HandGradients`."""

    def act(self, batch: Batch, with_policy: bool) -> torch.Tensor | None: ...
    def of_critics(self, batch: Batch, temperature: torch.Tensor, parameters: list[torch.Tensor]) -> torch.Tensor: ...
    def of_policy(
        self, batch: Batch, temperature: torch.Tensor, parameters: list[torch.Tensor], kl: KlTerm | None = None
    ) -> torch.Tensor: ...


class Updater:
    """Carries out updates as long as the same things train; it keeps their memory."""

    def __init__(
        self, policy: SacPolicy, settings: SACSettings, optimizers: Optimizers, target_entropy: float, cached: bool
    ) -> None:
        """Prepare for what trains now; `cached`: batches come with features."""
        self._policy, self._settings, self._optimizers = policy, settings, optimizers
        self._target_entropy, self.cached = target_entropy, cached
        self._gradients: _Gradients
        if HandGradients.supports(policy, cached):
            self._gradients = HandGradients(policy, settings, cached)
        else:
            self._gradients = AutogradGradients(policy, settings.gamma, cached)
        self._by_critics = _moved(optimizers.critics)
        self._by_policy = [p for p in _moved(optimizers.policy) if p is not policy.log_temperature]
        self._critics_terms = self._policy_terms = PenaltyTerms()
        pairs = list(policy.slow_pairs())
        self._slow, self._fast = [slow for slow, _ in pairs], [fast for _, fast in pairs]

    def run(
        self, batches: Iterable[Batch], num_done: int, penalties: ActivePenalties = _NONE, done: float = 0.0
    ) -> dict[str, float]:
        """Update once a batch; `num_done` updates came before. Return stable-baselines3's log keys without `train/`.

        `penalties` are part of the losses, as they are after the share `done` of the run; gradients are limited with
        theirs among them.
        """
        moved = _moved(self._optimizers.critics), _moved(self._optimizers.policy)
        self._critics_terms, self._policy_terms = (penalties.bind(parameters, done) for parameters in moved)
        records: dict[str, list[torch.Tensor]] = {}
        for index, batch in enumerate(batches, start=num_done):
            for name, value in self._update(batch, index % self._settings.policy_delay == 0).items():
                records.setdefault(name, []).append(value.reshape(()))
        return {name: float(torch.stack(values).mean()) for name, values in records.items()}

    def _update(self, batch: Batch, with_policy: bool) -> dict[str, torch.Tensor]:
        """Carry out one update and return its losses. The temperature is that from before, in all of them."""
        critics, gradients = self._optimizers.critics, self._gradients
        policy = self._optimizers.policy if with_policy else None
        temperature = self._policy.temperature.detach()
        losses = {"ent_coef": temperature}
        log_prob = gradients.act(batch, policy is not None)
        if critics is not None:
            losses["critic_loss"] = gradients.of_critics(batch, temperature, self._by_critics)
            losses |= self._step(critics, self._by_critics, self._critics_terms)
        if policy is not None and log_prob is not None:
            if self._policy.log_temperature.requires_grad:
                losses["ent_coef_loss"] = self._temperature_gradient(log_prob)
            if self._by_policy:
                losses["actor_loss"] = gradients.of_policy(
                    batch, temperature, self._by_policy, self._policy_terms.policy
                )
            losses |= self._step(policy, self._by_policy, self._policy_terms)
        polyak_update(self._slow, self._fast, self._settings.tau)
        return losses

    def _temperature_gradient(self, log_prob: torch.Tensor) -> torch.Tensor:
        """Return the loss -log temperature * mean(log pi + target entropy), its gradient left in `.grad`."""
        log_temperature, surplus = self._policy.log_temperature, log_prob.mean() + self._target_entropy
        log_temperature.grad = -surplus.reshape(1)
        return -log_temperature.detach() * surplus

    def _step(
        self, optimizer: torch.optim.Optimizer, parameters: list[torch.Tensor], terms: PenaltyTerms
    ) -> dict[str, torch.Tensor]:
        """Add the gradients of penalties, limit what there is, if wanted, and step; return the penalties."""
        values = {f"penalty_{kind}": value for kind, value in terms.add_gradients().items()}
        if self._settings.max_grad_norm is not None and parameters:
            torch.nn.utils.clip_grad_norm_(parameters, self._settings.max_grad_norm)
        optimizer.step()
        return values


def _moved(optimizer: torch.optim.Optimizer | None) -> list[torch.Tensor]:
    """Return the parameters that an optimizer moves."""
    return [] if optimizer is None else trained_parameters(optimizer)
