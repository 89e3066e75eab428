"""Running mean and variance of a stream of batches, in float64 whatever the network's device and dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import nn

from ..errors import AgentsError, FrozenError
from .freezing import is_frozen

__all__ = ["RunningMoments"]


class RunningMoments(nn.Module):
    """Buffers mean, var (population) and count, each (dim,), float64, merged batch by batch.

    Every entry has a count of its own: one that a target shows and the source did not begins at 0 beside the others.

    The buffers stay on the CPU in float64 when the module is moved or cast: the statistics of 1e8 samples
    need the digits, MPS has no float64, and updates come from arrays that are on the CPU anyway.
    """

    mean: torch.Tensor
    var: torch.Tensor
    count: torch.Tensor

    def __init__(self, dim: int) -> None:
        """Start with mean 0, var 1, count 0."""
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim, dtype=torch.float64))
        self.register_buffer("var", torch.ones(dim, dtype=torch.float64))
        self.register_buffer("count", torch.zeros(dim, dtype=torch.float64))

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        buffers: dict[str, Any] = {name: self._buffers.pop(name) for name in ("mean", "var", "count")}
        try:
            return super()._apply(fn, recurse)  # type: ignore[no-untyped-call,no-any-return]
        finally:
            self._buffers.update(buffers)

    @property
    def seen(self) -> float:
        """How many samples were merged, of the entry that has seen the most."""
        return float(self.count.max())

    def forget(self) -> None:
        """Go back to mean 0, var 1, count 0. Raises FrozenError on a frozen module."""
        if is_frozen(self):
            raise FrozenError(f"{type(self).__name__} is frozen: its statistics must not be forgotten")
        self.mean.zero_()
        self.var.fill_(1.0)
        self.count.zero_()

    @torch.no_grad()
    def merge(self, x: torch.Tensor) -> None:
        """Merge a batch `x` (N, dim) into the moments.

        Source: Chan, Golub, LeVeque 1979, Updating Formulae and a Pairwise Algorithm for Computing Sample
        Variances (STAN-CS-79-773), equation 2.1. Raises FrozenError on a frozen module and AgentsError on
        non-finite values.
        """
        if is_frozen(self):
            raise FrozenError(f"{type(self).__name__} is frozen: its statistics must not be updated")
        if x.ndim != 2 or x.shape[1] != self.mean.shape[0]:
            raise AgentsError(f"statistics over {self.mean.shape[0]} entries got a batch of shape {tuple(x.shape)}")
        batch = x.detach().cpu().double()
        num = batch.shape[0]
        if num == 0:
            return
        batch_var, batch_mean = torch.var_mean(batch, dim=0, correction=0)
        finite = torch.isfinite(batch_mean) & torch.isfinite(batch_var)
        if not finite.all():
            entries = torch.nonzero(~finite).flatten().tolist()
            raise AgentsError(f"non-finite values in entries {entries}: the statistics would be lost for good")
        total = self.count + num
        delta = batch_mean - self.mean
        squares = self.var * self.count + batch_var * num + delta.square() * (self.count * num / total)
        self.mean += delta * (num / total)
        self.var.copy_(squares / total)
        self.count.copy_(total)
