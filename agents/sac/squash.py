"""The distribution of SAC's actions: a diagonal Gaussian through tanh, and its derivatives.

Source: Haarnoja et al. 2018, arXiv 1812.05905, appendix C; bounds and the 1e-6 are stable-baselines3's.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

__all__ = ["Sample", "output_gradient", "sample_gradient", "split_output", "squash_mean", "squash_sample"]

_LOG_STD_MIN, _LOG_STD_MAX = -20.0, 2.0
_EPS = 1e-6  # in log(1 - a^2 + eps), for actions at the very bound
_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


class Sample(NamedTuple):
    """Actions drawn from the distribution, and what their derivatives need."""

    action: torch.Tensor  # (B, A) within (-1, 1)
    log_prob: torch.Tensor  # (B,) nats
    spread: torch.Tensor  # (B, A): standard deviation times noise
    output: torch.Tensor  # (B, 2 A) of the policy head


def split_output(output: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and log standard deviation, each (B, A), of the Gaussian in the policy head's output."""
    mean, raw_log_std = output.chunk(2, dim=1)
    return mean, raw_log_std.clamp(_LOG_STD_MIN, _LOG_STD_MAX)


def squash_mean(output: torch.Tensor) -> torch.Tensor:
    """Return tanh of the mean, (B, A), for the policy head's output (B, 2 A): means, then log standard deviations."""
    return torch.tanh(output[:, : output.shape[1] // 2])


def squash_sample(output: torch.Tensor, noise: torch.Tensor) -> Sample:
    """Return actions a = tanh(mean + std * noise) of the policy head's output (B, 2 A) and `noise` (B, A) ~ N(0, 1).

    log pi(a) = sum_i -noise_i^2 / 2 - log std_i - log(2 pi) / 2 - log(1 - a_i^2 + 1e-6).
    """
    mean, log_std = split_output(output)
    spread = torch.exp(log_std) * noise
    action = torch.tanh(mean + spread)
    inside = torch.log(1.0 - action * action + _EPS)
    log_prob = -(0.5 * noise * noise + log_std + inside).sum(1) - _HALF_LOG_2PI * noise.shape[1]
    return Sample(action, log_prob, spread, output)


def sample_gradient(sample: Sample, by_action: torch.Tensor, by_log_prob: torch.Tensor) -> torch.Tensor:
    """Return the gradient by the policy head's output (B, 2 A), given those by action (B, A) and log-prob ().

    With u = mean + std * noise and a = tanh(u): da/du = 1 - a^2; d(log pi)/da = 2 a / (1 - a^2 + 1e-6);
    du/dmean = 1, du/d(log std) = std * noise, d(log pi)/d(log std) = -1 besides; none beyond the clamp.
    """
    action = sample.action
    slope = 1.0 - action * action
    by_mean = (by_action + by_log_prob * 2.0 * action / (slope + _EPS)) * slope
    return output_gradient(sample, by_mean, by_mean * sample.spread - by_log_prob)


def output_gradient(sample: Sample, by_mean: torch.Tensor, by_log_std: torch.Tensor) -> torch.Tensor:
    """Return the gradient by the policy head's output (B, 2 A), given those by mean and clamped log std (B, A)."""
    raw_log_std = sample.output[:, by_mean.shape[1] :]
    free = (raw_log_std >= _LOG_STD_MIN) & (raw_log_std <= _LOG_STD_MAX)
    return torch.cat([by_mean, by_log_std * free], dim=1)
