"""The network of an agent: stable-baselines3's actor-critic policy, an Encoder, the unit of its values."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import MlpExtractor
from stable_baselines3.common.type_aliases import Schedule

from ..networks.activations import activation_class
from ..networks.encoders import Encoder, GroupEncoder
from ..networks.freezing import is_frozen
from ..networks.rules import require_bounded_actions
from ..networks.torch_seeding import seeded
from ..networks.value_scale import ReturnScale
from ..plan.surgery import Adapters
from ..policy.parts import Member
from .settings import PPOSettings

__all__ = ["AgentPolicy", "make_policy"]

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


class AgentPolicy(ActorCriticPolicy):
    """encoder -> policy head -> Gaussian action; encoder or value_encoder -> value head -> scaled value.

    To stable-baselines3 it is an ActorCriticPolicy: `predict`, `forward` and `evaluate_actions` give what the methods
    here give without distribution objects, for loops that run every step or minibatch.
    """

    def __init__(
        self,
        observation_space: spaces.Space[object],
        action_space: spaces.Space[object],
        lr_schedule: Schedule,
        settings: PPOSettings,
    ) -> None:
        """Build all parts; AgentsError unless actions are one bounded vector."""
        require_bounded_actions("PPO", action_space)
        self._settings, self.reads = settings, settings.head_groups()
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            net_arch={"pi": list(settings.policy_head), "vf": list(settings.value_head)},
            activation_fn=activation_class(settings.head_activation),
            log_std_init=settings.log_std_init,
            share_features_extractor=settings.shared_encoder,
        )
        assert isinstance(action_space, spaces.Box)
        self._low, self._high = (torch.as_tensor(end).to(self.device) for end in (action_space.low, action_space.high))
        self.return_scale = ReturnScale()
        self.adapters: Adapters | None = None  # what a surgery adds

    def make_features_extractor(self) -> Encoder:
        """Return an encoder as the settings say."""
        return self._settings.make_encoder(self.observation_space)

    def _build_mlp_extractor(self) -> None:
        """Build the hidden layers of both heads, each for the features that it reads."""
        super()._build_mlp_extractor()
        if isinstance(self.encoder, GroupEncoder):
            for head, network in (("policy", "policy_net"), ("value", "value_net")):
                width = self.encoder.width_of(self.reads[head])
                own = MlpExtractor(width, self.net_arch, self.activation_fn, self.device)
                setattr(self.mlp_extractor, network, getattr(own, network))

    @property
    def encoder(self) -> Encoder:
        """The encoder the policy head reads."""
        return cast(Encoder, self.pi_features_extractor)

    @property
    def value_encoder(self) -> Encoder:
        """The encoder the value head reads: the same object when it is shared."""
        return cast(Encoder, self.vf_features_extractor)

    def members(self) -> dict[str, dict[str, Member]]:
        """Return the parts of the policy (see `parts`)."""
        heads, shared = self.mlp_extractor, self.value_encoder is self.encoder
        value_head: dict[str, Member] = {
            "value_head.hidden": heads.value_net,
            "value_head.output": self.value_net,
            "value_head.return_scale": self.return_scale,
        }
        return {
            "encoder": {"encoder": self.encoder},
            "value_encoder": {} if shared else {"value_encoder": self.value_encoder},
            "policy_head": {"policy_head.hidden": heads.policy_net, "policy_head.output": self.action_net},
            "value_head": value_head,
            "log_std": {"log_std.value": self.log_std},
            "adapters": {} if self.adapters is None else {"adapters": self.adapters},
        }

    def renew_return_scale(self, traces: NDArray[np.floating]) -> None:
        """Measure the unit of values on discounted return `traces` alone, and keep what the value head says.

        The output layer is multiplied by old unit / new unit (Pop-Art, van Hasselt et al. 2016, arXiv 1602.07714,
        equation 9 with the mean left at zero). Raises FrozenError when the scale is frozen.
        """
        before = self.return_scale.std
        self.return_scale.forget()
        self.return_scale.update(traces)
        with torch.no_grad():
            for tensor in self.value_net.parameters():
                tensor.mul_(before / self.return_scale.std)

    def action_mean(self, features: torch.Tensor) -> torch.Tensor:
        """Return the mean action (N, action_dim) for the encoder's features (N, F)."""
        features = self.encoder.pick(features, self.reads["policy"])
        hidden, output = self.mlp_extractor.policy_net, self.action_net
        if self.adapters is not None:
            return self.adapters.head_output(features, hidden, output)
        mean: torch.Tensor = output(hidden(features))
        return mean

    def beyond_bounds(self, mean: torch.Tensor) -> torch.Tensor:
        """Return how far mean actions (N, A) lie beyond the bounds of the action space, (N, A), 0 within them."""
        return mean - torch.clamp(mean, self._low.to(mean.device), self._high.to(mean.device))

    def gaussian(self, obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return means and logs of standard deviations of actions, each (N, A), for raw observations (N, obs_dim)."""
        mean = self.action_mean(self.encoder(obs))
        return mean, self.log_std.expand_as(mean)

    def value_of(self, features: torch.Tensor) -> torch.Tensor:
        """Return values (N,), in units of `return_scale.std`, for the value encoder's features (N, F).

        A surgery may have widened them: the value head reads as many as it was built for.
        """
        read = self.value_encoder.pick(features[:, : self.features_dim].contiguous(), self.reads["value"])
        values: torch.Tensor = self.value_net(self.mlp_extractor.value_net(read))
        return values.squeeze(-1)

    @property
    def keeps_features(self) -> bool:
        """Whether training leaves the encoder's features of an observation as they are."""
        return is_frozen(self.encoder) and (self.adapters is None or not self.adapters.moves_features)

    def get_distribution(self, obs: Any) -> Distribution:
        """Return stable-baselines3's distribution of actions for raw observations (N, obs_dim)."""
        return self.action_dist.proba_distribution(self.action_mean(self.encoder(obs)), self.log_std)

    def _predict(self, observation: Any, deterministic: bool = False) -> torch.Tensor:
        if deterministic:  # the mean, without a distribution built for it: evaluations ask at every step
            return self.action_mean(self.encoder(observation))
        return super()._predict(observation, deterministic)

    def predict_values(self, obs: Any) -> torch.Tensor:
        """Return values (N, 1), in units of `return_scale.std`, for raw observations (N, obs_dim)."""
        return self.value_of(self.value_encoder(obs)).unsqueeze(-1)

    def forward(
        self, obs: torch.Tensor, deterministic: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return actions (N, action_dim), values (N, 1), log-probs (N,) for raw observations (N, obs_dim)."""
        distribution = self.get_distribution(obs)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, self.predict_values(obs), distribution.log_prob(actions)

    def evaluate_actions(
        self, obs: Any, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Return values (N, 1), log-probs (N,) and entropy (N,) of `actions` for raw observations (N, obs_dim)."""
        distribution = self.get_distribution(obs)
        return self.predict_values(obs), distribution.log_prob(actions), distribution.entropy()

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
    with seeded(seed):
        return AgentPolicy(observation_space, action_space, lr_schedule, settings)
