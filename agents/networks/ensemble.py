"""An ensemble of critics as one network: every layer is one batched product, whatever their number."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from .activations import activation_class

__all__ = ["Ensemble", "EnsembleLayerNorm", "EnsembleLinear"]


def _chosen(tensor: torch.Tensor, subset: torch.Tensor | None) -> torch.Tensor:
    """Return the rows of `tensor` (N, ...) that belong to the critics in `subset` (M,), all if it is None."""
    return tensor if subset is None else torch.index_select(tensor, 0, subset)


class EnsembleLinear(nn.Module):
    """N linear layers side by side, weight (N, in, out), bias (N, 1, out); initial values as nn.Linear's."""

    def __init__(self, num: int, in_features: int, out_features: int) -> None:
        """Draw weights and biases from U(-1 / sqrt(in), 1 / sqrt(in)), as nn.Linear does."""
        super().__init__()
        bound = 1.0 / math.sqrt(in_features)
        self.weight = nn.Parameter(torch.empty(num, in_features, out_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(num, 1, out_features).uniform_(-bound, bound))

    def chosen(self, subset: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return weight (M, in, out) and bias (M, 1, out) of the critics in `subset` (M,), None: all."""
        return _chosen(self.weight, subset), _chosen(self.bias, subset)

    def forward(self, x: torch.Tensor, subset: torch.Tensor | None = None) -> torch.Tensor:
        """Return (M, B, out) for `x` (M, B, in), or (B, in) where all critics read the same."""
        weight, bias = self.chosen(subset)
        return torch.baddbmm(bias, x.expand(len(weight), -1, -1), weight)


class EnsembleLayerNorm(nn.Module):
    """N LayerNorms side by side (Ba et al. 2016, arXiv 1607.06450), weight and bias (N, 1, width)."""

    def __init__(self, num: int, width: int) -> None:
        """Start with weight 1, bias 0, as nn.LayerNorm does."""
        super().__init__()
        self.eps = 1e-5
        self.weight = nn.Parameter(torch.ones(num, 1, width))
        self.bias = nn.Parameter(torch.zeros(num, 1, width))

    def chosen(self, subset: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return weight and bias (M, 1, width) of the critics in `subset` (M,), None: all."""
        return _chosen(self.weight, subset), _chosen(self.bias, subset)

    def forward(self, x: torch.Tensor, subset: torch.Tensor | None = None) -> torch.Tensor:
        """Return (M, B, width), normalised over the last axis."""
        weight, bias = self.chosen(subset)
        return torch.addcmul(bias, nn.functional.layer_norm(x, x.shape[-1:], eps=self.eps), weight)


class Ensemble(nn.Module):
    """N critics Q(features, action), each: linear, LayerNorm (if wanted), activation, ..., linear to one value."""

    def __init__(self, num: int, in_features: int, widths: Sequence[int], layer_norm: bool, activation: str) -> None:
        """Build the layers; `in_features` counts features and action entries, `activation` is one of ACTIVATIONS."""
        super().__init__()
        self.num = num
        layers: list[nn.Module] = []
        previous = in_features
        for width in widths:
            layers.append(EnsembleLinear(num, previous, width))
            if layer_norm:
                layers.append(EnsembleLayerNorm(num, width))
            layers.append(activation_class(activation)())
            previous = width
        layers.append(EnsembleLinear(num, previous, 1))
        self.layers = nn.ModuleList(layers)

    def forward(
        self, features: torch.Tensor, actions: torch.Tensor, subset: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return values (M, B) by the critics in `subset` (M,), None: all, of (B, features_dim) and (B, action_dim)."""
        x = torch.cat([features, actions], dim=1)
        for layer in self.layers:
            x = layer(x, subset) if isinstance(layer, EnsembleLinear | EnsembleLayerNorm) else layer(x)
        return x.squeeze(-1)
