"""The network of an agent: stable-baselines3's actor-critic policy, an Encoder, the unit of its values."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import Schedule

from .activations import activation_class
from .encoders import Encoder, encoder_class
from .errors import AgentsError
from .settings import PPOSettings
from .value_scale import ReturnScale

__all__ = ["AgentPolicy", "make_policy"]

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


class AgentPolicy(ActorCriticPolicy):
    """encoder -> policy head -> Gaussian action; encoder or value_encoder -> value head -> scaled value.

    To stable-baselines3 it is an ActorCriticPolicy: `predict`, `forward` and `evaluate_actions` are
    inherited. The methods here are the same mathematics without distribution objects, for loops that run
    every step or minibatch.
    """

    def __init__(
        self,
        observation_space: spaces.Space[object],
        action_space: spaces.Space[object],
        lr_schedule: Schedule,
        settings: PPOSettings,
    ) -> None:
        """Build all parts; AgentsError unless actions are one bounded vector."""
        if not isinstance(action_space, spaces.Box) or len(action_space.shape) != 1:
            raise AgentsError(f"an agent acts by one vector (Box of one axis), not {action_space}")
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            net_arch={"pi": list(settings.policy_head), "vf": list(settings.value_head)},
            activation_fn=activation_class(settings.head_activation),
            log_std_init=settings.log_std_init,
            features_extractor_class=encoder_class(settings.encoder.kind),
            features_extractor_kwargs={
                "widths": settings.encoder.widths,
                "layer_norm": settings.encoder.layer_norm,
                "activation": settings.encoder.activation,
            },
            share_features_extractor=settings.shared_encoder,
        )
        self.return_scale = ReturnScale()

    @property
    def encoder(self) -> Encoder:
        """The encoder the policy head reads."""
        return cast(Encoder, self.pi_features_extractor)

    @property
    def value_encoder(self) -> Encoder:
        """The encoder the value head reads: the same object when it is shared."""
        return cast(Encoder, self.vf_features_extractor)

    def action_mean(self, features: torch.Tensor) -> torch.Tensor:
        """Return the mean action (N, action_dim) for the encoder's features (N, features_dim)."""
        mean: torch.Tensor = self.action_net(self.mlp_extractor.policy_net(features))
        return mean

    def value_of(self, features: torch.Tensor) -> torch.Tensor:
        """Return values (N,), in units of `return_scale.std`, for the value encoder's features (N, F)."""
        values: torch.Tensor = self.value_net(self.mlp_extractor.value_net(features))
        return values.squeeze(-1)

    def log_density(self, z: torch.Tensor) -> torch.Tensor:
        """Return log-probabilities (...,) of actions as z = (action - mean) / std, shape (..., action_dim).

        log N(a; mean, std) = sum_i -z_i^2 / 2 - log std_i - log(2 pi) / 2, for a diagonal Gaussian.
        """
        return -0.5 * (z * z).sum(-1) - (self.log_std.sum() + _HALF_LOG_2PI * z.shape[-1])

    def entropy(self) -> torch.Tensor:
        """Return the entropy () of the diagonal Gaussian in nats: sum_i log std_i + (1 + log(2 pi)) / 2."""
        return self.log_std.sum() + (0.5 + _HALF_LOG_2PI) * self.log_std.shape[0]


def make_policy(
    observation_space: spaces.Space[Any],
    action_space: spaces.Space[Any],
    lr_schedule: Schedule,
    settings: PPOSettings,
    seed: int,
) -> AgentPolicy:
    """Return a policy whose initial weights depend on `seed` alone; AgentsError as from AgentPolicy."""
    with torch.random.fork_rng(devices=[]):
        # torch's initialisers draw from the global generator: lend it to them, and take back what it was
        torch.manual_seed(seed)
        return AgentPolicy(observation_space, action_space, lr_schedule, settings)
