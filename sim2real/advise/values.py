"""How well a critic predicts the discounted returns that come."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .probe import Array, Mask, Probe
from .probed import ProbedAgent, Seen

__all__ = ["ValueErrors", "compare_values", "compute_returns"]


class ValueErrors(NamedTuple):
    """What a critic expected in some states, (T, B), and the discounted returns that came, (T, B); both in reward.

    Returns are of rewards alone, values of what the learner is after: of a soft one they hold an entropy bonus, too.
    """

    values: Array
    returns: Array

    @property
    def explained_variance(self) -> float:
        """Return 1 - Var[return - value] / Var[return]; NaN where returns do not vary."""
        spread = self.returns.var()
        constant = spread <= 1e-12 * max(1.0, float((self.returns**2).mean()))
        return float("nan") if constant else float(1.0 - (self.returns - self.values).var() / spread)

    def bias(self, unit: float) -> float:
        """Return the mean of (value - return) / unit."""
        return float((self.values - self.returns).mean() / unit)

    def rms(self, unit: float) -> float:
        """Return the root of the mean square of (value - return) / unit."""
        return float(np.sqrt(((self.values - self.returns) ** 2).mean()) / unit)


def compute_returns(rewards: Array, terminated: Mask, done: Mask, ahead: NDArray[np.floating], gamma: float) -> Array:
    """Return discounted returns (T, B); all arrays are (T, B).

    G[t] = r[t] + gamma * (0 if terminated, ahead[t] if the episode or the probe was cut there, else G[t + 1]), where
    `ahead` is the value of what was reached: a time limit is the experimenter's, not the task's (Pardo et al. 2018,
    arXiv 1712.00378). So the last 1 / (1 - gamma) steps before a cut are partly judged by the critic itself.
    """
    returns = np.empty(rewards.shape)
    following = ahead[-1]
    for step in reversed(range(len(rewards))):
        rest = np.where(done[step], np.where(terminated[step], 0.0, ahead[step]), following)
        following = returns[step] = rewards[step] + gamma * rest
    return returns


def compare_values(probed: ProbedAgent, probe: Probe) -> ValueErrors:
    """Return values and returns of the states that a probe met."""
    shape = probe.rewards.shape
    values = probed.value(_rows(probe.seen)).reshape(shape)
    ahead = probed.value(_rows(probe.seen_reached)).reshape(shape)
    return ValueErrors(values, compute_returns(probe.rewards, probe.terminated, probe.done, ahead, probed.gamma))


def _rows(seen: Seen) -> Seen:
    """Return inputs (T, B, input_dim) as (T * B, input_dim)."""
    return seen.reshape(-1, seen.shape[-1])
