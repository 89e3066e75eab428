"""Encoders: from a raw observation to the features that both heads read; what is carried over and frozen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from .activations import activation_class
from .errors import AgentsError
from .lookup import look_up
from .normalizer import RunningNormalizer

__all__ = ["ENCODERS", "Encoder", "EncoderRow", "MlpEncoder", "encoder_class"]


class Encoder(BaseFeaturesExtractor):
    """Base of all encoders: a normaliser, then `encode`.

    The two are separate because the statistics are fixed within an update: a learner normalises a rollout
    once and encodes its minibatches many times.
    """

    def __init__(self, observation_space: spaces.Space[object], features_dim: int) -> None:
        """Build the normaliser; AgentsError unless observations are vectors."""
        if not isinstance(observation_space, spaces.Box) or len(observation_space.shape) != 1:
            raise AgentsError(f"an encoder reads observations of one vector (Box of one axis), not {observation_space}")
        super().__init__(observation_space, features_dim)
        self.normalizer = RunningNormalizer(observation_space.shape[0])

    def normalize(self, obs: torch.Tensor) -> torch.Tensor:
        """Return normalised observations (N, obs_dim), float32, without a gradient through the statistics."""
        normalized: torch.Tensor = self.normalizer(obs)
        return normalized

    def encode(self, normalized: torch.Tensor) -> torch.Tensor:
        """Return features (N, features_dim) of normalised observations (N, obs_dim)."""
        raise NotImplementedError

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        """Return features (N, features_dim) of raw observations (N, obs_dim)."""
        return self.encode(self.normalize(obs))


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
        obs_dim = observation_space.shape[0] if observation_space.shape else 0
        super().__init__(observation_space, widths[-1] if len(widths) else obs_dim)
        layers: list[nn.Module] = []
        previous = obs_dim
        for width in widths:
            layers.append(nn.Linear(previous, width))
            if layer_norm:
                layers.append(nn.LayerNorm(width))
            layers.append(activation_class(activation)())
            previous = width
        self.layers = nn.Sequential(*layers)

    def encode(self, normalized: torch.Tensor) -> torch.Tensor:
        """Return features (N, features_dim) of normalised observations (N, obs_dim)."""
        features: torch.Tensor = self.layers(normalized)
        return features


class EncoderRow(NamedTuple):
    """One row of ENCODERS: the class, built as cls(observation_space, widths=, layer_norm=, activation=)."""

    cls: type[MlpEncoder]
    description: str


ENCODERS: dict[str, EncoderRow] = {
    "mlp": EncoderRow(MlpEncoder, "running normaliser, then linear layers with LayerNorm"),
}


def encoder_class(kind: str) -> type[MlpEncoder]:
    """Return the encoder called `kind`; AgentsError with the valid names if there is none."""
    return look_up("encoder kind", kind, ENCODERS).cls
