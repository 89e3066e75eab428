"""What a stack of layers makes of its input block by block, and a stack that hands all of it on."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

__all__ = ["TappedLayers", "block_outputs", "block_widths"]


def block_outputs(layers: Iterable[nn.Module], x: torch.Tensor) -> list[torch.Tensor]:
    """Return the input (N, D) and the output (N, width) of every block, in order.

    A block is a linear layer and all that follows up to the next one: LayerNorm, activation.
    """
    outputs = []
    for layer in layers:
        if isinstance(layer, nn.Linear):
            outputs.append(x)
        x = layer(x)
    return [*outputs, x]


def block_widths(layers: Iterable[nn.Module]) -> list[int]:
    """Return the widths of the blocks' outputs."""
    return [layer.out_features for layer in layers if isinstance(layer, nn.Linear)]


class TappedLayers(nn.Sequential):
    """A stack whose output is followed, in the same row, by its input and by what every block but the last made of it.

    So whatever reads the first columns goes on as before, and cached features contain all that others need.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, last width + input width + widths of the other blocks) for (N, input width)."""
        *below, top = block_outputs(self, x)
        return torch.cat([top, *below], dim=1)
