"""Encoder: from a raw observation to the features that both heads read; what is carried over and frozen."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from ...errors import AgentsError
from ..freezing import is_frozen
from ..normalizer import RunningNormalizer

__all__ = ["Encoder", "vector_dim"]


def vector_dim(observation_space: spaces.Space[object]) -> int:
    """Return the number of entries of an observation; AgentsError unless observations are vectors."""
    if not isinstance(observation_space, spaces.Box) or len(observation_space.shape) != 1:
        raise AgentsError(f"an encoder reads observations of one vector (Box of one axis), not {observation_space}")
    return int(observation_space.shape[0])


class Encoder(BaseFeaturesExtractor):
    """Base of all encoders: a normaliser, then `encode`.

    The two are separate because the statistics are fixed within an update: a learner normalises a rollout
    once and encodes its minibatches many times.
    """

    def __init__(
        self, observation_space: spaces.Space[object], features_dim: int, statistics_dim: int | None = None
    ) -> None:
        """Build the normaliser over `statistics_dim` entries (None: all); AgentsError unless observations are vectors.

        An encoder that keeps statistics of fewer entries than it reads says how in `normalize` and
        `update_statistics`.
        """
        obs_dim = vector_dim(observation_space)
        super().__init__(observation_space, features_dim)
        self.normalizer = RunningNormalizer(obs_dim if statistics_dim is None else statistics_dim)

    @property
    def kind(self) -> str:
        """What it is, for messages."""
        return type(self).__name__

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

    def pick(self, features: torch.Tensor, groups: Sequence[str]) -> torch.Tensor:
        """Return the features (N, width) of `groups` alone; one encoder has one kind of features."""
        return features

    def width_of(self, groups: Sequence[str]) -> int:
        """Return how many features the `groups` have."""
        return self.features_dim

    @property
    def statistics_stand_still(self) -> bool:
        """Whether the statistics of observations do not learn."""
        return is_frozen(self.normalizer)

    def require_saved(self) -> None:
        """Raise AgentsError if it acts by anything but its parameters and buffers; ours do not."""

    def update_statistics(self, obs: torch.Tensor) -> None:
        """Merge raw observations (N, obs_dim) into the normaliser. Raises FrozenError when it is frozen."""
        self.normalizer.update(obs)
