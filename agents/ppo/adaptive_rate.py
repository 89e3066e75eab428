"""AdaptiveRate: the learning rate by which a minibatch moves the policy about as far as wanted."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..learning.optimizer import set_learning_rate

__all__ = ["AdaptiveRate"]

_FACTOR = 1.5  # of one change
_LOWEST, _HIGHEST = 1e-5, 1e-2


@dataclass
class AdaptiveRate:
    """A learning rate that follows the KL divergence of the policy from the one that collected the rollout.

    Before the step of a minibatch: a KL above 2 x `desired_kl` divides the rate by 1.5, one below `desired_kl` / 2
    multiplies it by 1.5; it stays within 1e-5 and 1e-2. That is the rule of rsl_rl's `schedule="adaptive"`
    (Schwarke et al. 2025, arXiv 2509.10771), with the estimate that PPO logs as `approx_kl`.
    """

    rate: float
    desired_kl: float

    def follow(self, kl: float, optimizer: torch.optim.Optimizer) -> None:
        """Change the rate by the `kl` of one minibatch, in nats; the optimizer steps with the new one."""
        if kl > 2.0 * self.desired_kl:
            self.rate = max(self.rate / _FACTOR, _LOWEST)
        elif kl < 0.5 * self.desired_kl:
            self.rate = min(self.rate * _FACTOR, _HIGHEST)
        set_learning_rate(optimizer, self.rate)
