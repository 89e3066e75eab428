"""PROBED_LEARNERS: how to look at an agent, a row per learner."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from envs import unknown_name

from .probed import Acted, Array, ProbedAgent, Seen

__all__ = ["PROBED_LEARNERS", "ProbedPPO", "ProbedSAC", "make_probed"]

# A squashed action never reaches its bound: within this share of it, tanh has lost 98 % of its slope (1 - 0.99^2).
_AT_BOUND = 0.99
_DRAWS = 8  # actions that a state's value is the mean over
_SEED = 0  # of those draws: the same for every batch, so that equal states have equal values


class ProbedPPO(ProbedAgent):
    """A PPO agent: mean action plus noise as in its rollouts, and the values of its value head."""

    @torch.no_grad()
    def act(self, seen: Seen, noise: Array) -> Acted:
        """Return clip(mean + std * noise), as the learner collects."""
        mean = self.policy.action_mean(self.policy.encoder(self._tensor(seen))).cpu().numpy()
        wanted = mean + self.policy.log_std.exp().cpu().numpy() * noise.astype(np.float32)
        return Acted(np.clip(wanted, self._low, self._high), (wanted < self._low) | (wanted > self._high))

    @torch.no_grad()
    def value(self, seen: Seen) -> Array:
        """Return the value head's output times its unit, (N,)."""
        values: torch.Tensor = self.policy.value_of(self.policy.value_encoder(self._tensor(seen)))
        found: Array = values.cpu().double().numpy() * self.policy.return_scale.std
        return found

    def pass_through(self, batch: torch.Tensor) -> None:
        """Ask policy head and value head."""
        self.policy.action_mean(self.policy.encoder(batch))
        self.policy.value_of(self.policy.value_encoder(batch))


class ProbedSAC(ProbedAgent):
    """A SAC agent: actions drawn as in its replay, and the mean of its critics.

    Its critics predict soft returns: rewards, and temperature times the entropy of every later step (Haarnoja et al.
    2018, arXiv 1812.05905, equation 3). The bonus is not taken out: values stand above returns by it even where they
    are right (below them where the entropy is negative), on source and target alike. So the error itself says little of
    the critics, and what rises from source to target much.
    """

    value_note = "values hold an entropy bonus that returns lack"

    @torch.no_grad()
    def act(self, seen: Seen, noise: Array) -> Acted:
        """Return the policy's own stochastic action, tanh(mean + std * noise) in units of the action space."""
        draws = torch.from_numpy(noise.astype(np.float32)).to(self._device)
        scaled = self.policy.sample(self.policy.encoder(self._tensor(seen)), draws).action.cpu().numpy()
        actions = np.clip(self.policy.unscale_action(scaled), self._low, self._high)
        return Acted(actions, np.abs(scaled) >= _AT_BOUND)

    @torch.no_grad()
    def value(self, seen: Seen) -> Array:
        """Return the mean over critics, and over actions a that the policy draws, of Q(s, a), (N,)."""
        features = self.policy.encoder(self._tensor(seen))
        generator = torch.Generator().manual_seed(_SEED)
        shape = len(seen), *self.policy.action_space.shape
        total = torch.zeros(len(seen), dtype=torch.float64)
        for _ in range(_DRAWS):
            noise = torch.randn(shape, generator=generator).to(self._device)
            values = self.policy.values_of(features, self.policy.sample(features, noise).action)
            total += values.mean(0).cpu().double()
        return (total / _DRAWS).numpy()

    def pass_through(self, batch: torch.Tensor) -> None:
        """Ask the policy head, and the critics about its mean action: what layers make of states alone."""
        features = self.policy.encoder(batch)
        noise = torch.zeros((len(batch), *self.policy.action_space.shape), device=batch.device)
        self.policy.values_of(features, self.policy.sample(features, noise).action)


PROBED_LEARNERS: dict[str, type[ProbedAgent]] = {"ppo": ProbedPPO, "sac": ProbedSAC}


def make_probed(algorithm: str, agent: Any) -> ProbedAgent:
    """Return how to look at an agent of `algorithm`; EnvsError with the valid names if there is no way."""
    if algorithm not in PROBED_LEARNERS:
        raise unknown_name("algorithm to advise on", algorithm, PROBED_LEARNERS)
    return PROBED_LEARNERS[algorithm](agent)
