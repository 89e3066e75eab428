"""The mlp encoder: linear layers with LayerNorm behind the normaliser."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from gymnasium import spaces
from torch import nn

from ..activations import activation_class
from .encoder import Encoder, vector_dim

__all__ = ["MlpEncoder", "make_layers"]


def make_layers(in_dim: int, widths: Sequence[int], layer_norm: bool, activation: str) -> nn.Sequential:
    """Return, for every width, linear, LayerNorm (if wanted), activation (one of ACTIVATIONS); from (N, in_dim)."""
    layers: list[nn.Module] = []
    for width in widths:
        layers.append(nn.Linear(in_dim, width))
        if layer_norm:
            layers.append(nn.LayerNorm(width))
        layers.append(activation_class(activation)())
        in_dim = width
    return nn.Sequential(*layers)


class MlpEncoder(Encoder):
    """For every width: linear, LayerNorm (if wanted), activation. Without widths the normaliser alone."""

    def __init__(
        self,
        observation_space: spaces.Space[object],
        widths: Sequence[int] = (),
        layer_norm: bool = True,
        activation: str = "elu",
    ) -> None:
        """Build the layers; `activation` is one of ACTIVATIONS."""
        obs_dim = vector_dim(observation_space)
        super().__init__(observation_space, widths[-1] if len(widths) else obs_dim)
        self.layers = make_layers(obs_dim, widths, layer_norm, activation)

    def encode(self, normalized: torch.Tensor) -> torch.Tensor:
        """Return features (N, features_dim) of normalised observations (N, obs_dim)."""
        features: torch.Tensor = self.layers(normalized)
        return features
