"""The unit of a value head: the running scale of discounted returns, by which rewards are divided."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from .moments import RunningMoments

__all__ = ["ReturnScale", "compute_return_traces"]

_CLIP = 10.0  # scaled rewards stay within this, as VecNormalize does
_CONSTANT = 1e-12  # a variance below this share of the mean square is rounding: the return is a constant


def compute_return_traces(
    rewards: NDArray[np.floating], dones: NDArray[np.bool_], start: NDArray[np.float64], gamma: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the discounted sums of past rewards, R[t] = reward[t] + gamma * R[t - 1] * (1 - done[t - 1]).

    `rewards` and `dones` are (T, B), `start` (B,) is what the step before left behind. Returns the traces (T,
    B) and what the last step leaves behind (B,). This is the quantity whose variance VecNormalize divides
    rewards by.
    """
    traces = np.empty(rewards.shape)
    trace = start
    for step in range(rewards.shape[0]):
        traces[step] = trace * gamma + rewards[step]
        trace = np.where(dones[step], 0.0, traces[step])
    return traces, trace


class ReturnScale(RunningMoments):
    """Divides rewards by the running standard deviation of the discounted return, as VecNormalize does.

    It is part of the value head because a value only means something in the unit it was trained in: a value
    head that is carried over without its scale predicts the wrong number from the first step on. A return
    that never varies has no scale, and rewards then stay as they are.
    """

    def __init__(self) -> None:
        """Start without a scale: rewards stay as they are."""
        super().__init__(1)

    @property
    def std(self) -> float:
        """The unit: how much reward a value of 1.0 stands for."""
        var, mean = float(self.var), float(self.mean)
        constant = var <= _CONSTANT * max(mean * mean, _CONSTANT)
        return 1.0 if constant or not self.seen else var**0.5

    def update(self, traces: NDArray[np.floating]) -> None:
        """Merge discounted return traces of any shape. Raises FrozenError when frozen."""
        self.merge(torch.as_tensor(np.ascontiguousarray(traces)).reshape(-1, 1))

    def scale(self, rewards: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return rewards / std, clipped to +-10, same shape, in the value head's unit."""
        return np.clip(np.asarray(rewards, np.float64) / self.std, -_CLIP, _CLIP)
