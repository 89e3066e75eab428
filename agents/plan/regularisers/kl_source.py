"""kl_source: the policy stays near the source's, as distributions over actions (kickstarting)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch

from ...errors import is_number
from .origin import GaussianPolicy, Origin
from .regulariser import Option, Regulariser, read_options

__all__ = ["OPTIONS", "KlPenalty", "KlTerm", "compute_gaussian_kl", "make_kl_source"]

OPTIONS = {
    "share": Option(0.5, "it must lie in (0, 1]", lambda value: is_number(value) and 0 < value <= 1),
}


def compute_gaussian_kl(
    source_mean: torch.Tensor, source_log_std: torch.Tensor, mean: torch.Tensor, log_std: torch.Tensor
) -> torch.Tensor:
    """Return KL(source || policy) in nats, (N,), of diagonal Gaussians; shapes (N, A), or (A,) for one that is common.

    sum_i log std_i - log std_source_i + (std_source_i^2 + (mean_source_i - mean_i)^2) / (2 std_i^2) - 1/2. It is the
    same for actions behind a tanh: an invertible map changes no divergence.
    """
    away = source_mean - mean
    ratio = (torch.exp(2.0 * source_log_std) + away * away) * torch.exp(-2.0 * log_std)
    return (log_std - source_log_std + 0.5 * (ratio - 1.0)).sum(-1)


class KlTerm(NamedTuple):
    """weight * mean over states of KL(source || policy); the weight of this moment."""

    weight: float
    source: GaussianPolicy

    @torch.no_grad()
    def targets(self, obs: torch.Tensor) -> torch.Tensor:
        """Return the source's means, then logs of standard deviations, (N, 2 A), for raw observations (N, obs_dim)."""
        return torch.cat(self.source.gaussian(obs), dim=1)

    def loss(self, targets: torch.Tensor, mean: torch.Tensor, log_std: torch.Tensor) -> torch.Tensor:
        """Return the term (), differentiable by mean (N, A) and log_std, (N, A) or (A,)."""
        source_mean, source_log_std = targets.chunk(2, dim=1)
        return self.weight * compute_gaussian_kl(source_mean, source_log_std, mean, log_std).mean()

    @torch.no_grad()
    def gradients(
        self, targets: torch.Tensor, mean: torch.Tensor, log_std: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the term's derivatives by mean and by log_std, each (N, A), N samples sharing the mean over states.

        dKL/dmean = (mean - mean_source) / std^2; dKL/d(log std) = 1 - (std_source^2 + (mean - mean_source)^2) / std^2.
        """
        source_mean, source_log_std = targets.chunk(2, dim=1)
        share, away, precision = self.weight / len(mean), mean - source_mean, torch.exp(-2.0 * log_std)
        by_log_std = 1.0 - (torch.exp(2.0 * source_log_std) + away * away) * precision
        return away * precision * share, by_log_std * share


class KlPenalty:
    """A KlTerm whose weight sinks linearly to 0."""

    def __init__(self, kind: str, weight: float, share: float, source: GaussianPolicy) -> None:
        """Let the weight be 0 after `share` of the steps of the run."""
        self.kind = kind
        self._weight, self._share, self._source = weight, share, source

    def at(self, done: float) -> KlTerm | None:
        """Return the term after the share `done` of a run; None once it weighs nothing."""
        weight = self._weight * (1.0 - done / self._share)
        return KlTerm(weight, self._source) if weight > 0 else None


def make_kl_source(regulariser: Regulariser, origin: Origin, trained: Mapping[str, torch.Tensor]) -> KlPenalty:
    """Return weight * E[KL(pi_source(.|s) || pi(.|s))] over the states the learner sees.

    Source: Schmitt et al. 2018, arXiv 1803.03835, with the divergence from the teacher in closed form. The source
    policy reads raw observations with its own encoder and statistics. Option `share`: of the run, after which the
    weight has sunk to 0.
    """
    share = read_options(regulariser, OPTIONS)["share"]
    return KlPenalty(regulariser.kind, regulariser.weight, share, origin.policy())
