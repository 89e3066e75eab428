"""Observation statistics that travel with the encoder: its first layer, not a wrapper around a world."""

from __future__ import annotations

import torch

from .moments import RunningMoments

__all__ = ["CLIP", "RunningNormalizer"]

CLIP = 10.0  # normalised observations stay within this many standard deviations, as VecNormalize does
_EPS = 1e-8  # added to the variance: an entry that never moves gives 0, not 0 / 0


class RunningNormalizer(RunningMoments):
    """y = clip((x - mean) / sqrt(var + 1e-8), -10, 10), mean and var running; the identity before any update.

    The formula is that of stable-baselines3's VecNormalize; that the statistics are buffers of the network is
    the point: who loads or freezes an encoder has loaded or frozen its statistics, too.
    """

    def update(self, x: torch.Tensor) -> None:
        """Merge raw observations `x` (N, obs_dim). Raises FrozenError when frozen."""
        self.merge(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return normalised observations, float32, shape (..., obs_dim) like `x`."""
        if not self.seen:
            return x.float()
        mean = self.mean.to(x.device, torch.float32)
        scale = torch.rsqrt(self.var + _EPS).to(x.device, torch.float32)
        return ((x.float() - mean) * scale).clamp(-CLIP, CLIP)

    def z_score(self, x: torch.Tensor) -> torch.Tensor:
        """Return how far a batch lies from what was seen: mean |(x - mean) / std| an entry, not clipped.

        `x` is (N, obs_dim), the result (obs_dim,) float64. Standard normal observations give sqrt(2 / pi) =
        0.798.
        """
        return ((x.detach().cpu().double() - self.mean) * torch.rsqrt(self.var + _EPS)).abs().mean(dim=0)
