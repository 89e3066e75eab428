"""Target networks: slow copies of networks, moved by Polyak averaging (Lillicrap et al. 2015, arXiv 1509.02971)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import nn

__all__ = ["copy_buffers", "copy_parameters", "moving_pairs", "polyak_update"]


def moving_pairs(
    slow: Iterable[torch.Tensor], fast: Iterable[torch.Tensor]
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield (slow, fast) of the parameters that train in both: averaging what is frozen would drift by 1e-7."""
    for target, parameter in zip(slow, fast, strict=True):
        if parameter.requires_grad and target.requires_grad:
            yield target, parameter


@torch.no_grad()
def polyak_update(slow: list[torch.Tensor], fast: list[torch.Tensor], tau: float) -> None:
    """Set slow = (1 - tau) slow + tau fast, in one kernel for all tensors."""
    if slow:
        torch._foreach_lerp_(slow, fast, tau)


@torch.no_grad()
def copy_buffers(slow: nn.Module, fast: nn.Module) -> None:
    """Give `slow` the buffers of `fast`, exactly: statistics are never averaged."""
    for target, buffer in zip(slow.buffers(), fast.buffers(), strict=True):
        target.copy_(buffer)


@torch.no_grad()
def copy_parameters(slow: nn.Module, fast: nn.Module) -> None:
    """Give `slow` the parameters of `fast` that train in both."""
    for target, parameter in moving_pairs(slow.parameters(), fast.parameters()):
        target.copy_(parameter)
