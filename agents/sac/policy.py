"""The network of a SAC agent: encoder, policy head, an ensemble of critics, their slow copies, the temperature."""

from __future__ import annotations

import copy
import math
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy
from torch import nn

from ..networks.activations import activation_class
from ..networks.encoders import Encoder
from ..networks.ensemble import Ensemble
from ..networks.freezing import is_frozen
from ..networks.rules import require_bounded_actions
from ..networks.torch_seeding import seeded
from ..off_policy.target_networks import copy_buffers, copy_parameters, moving_pairs, polyak_update
from ..plan.surgery import Adapters
from ..policy.parts import Member
from .settings import SACSettings
from .squash import Sample, split_output, squash_mean, squash_sample

__all__ = ["SacPolicy", "make_policy"]


class SacPolicy(BasePolicy):
    """encoder -> policy head -> tanh of a Gaussian; encoder and action -> critics.

    The encoder is shared and trained by the critics' loss alone; the policy head reads its features without a gradient
    (SAC-AE, Yarats et al. 2019, arXiv 1910.01741). `predict` is stable-baselines3's; where it is asked for random
    actions, it draws from the policy's own generator. Asked for the mean action it goes by `policy_average`, where
    there is one; `gaussian` and `sample` always are the policy head's, which learns.

    `encoder_target` has the statistics of `encoder` at every moment: whatever changes them changes both. While
    the encoder does not train its copy is not read (see `target_encoder`), and nothing moves it.
    """

    action_space: spaces.Box

    def __init__(
        self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any], settings: SACSettings
    ) -> None:
        """Build all parts; AgentsError unless actions are one bounded vector."""
        action_dim = require_bounded_actions("SAC", action_space).shape[0]
        super().__init__(observation_space, action_space, squash_output=True)
        self.reads = settings.head_groups()
        self.encoder = settings.make_encoder(observation_space)
        hidden: list[nn.Module] = []
        previous = self.encoder.width_of(self.reads["policy"])
        for width in settings.policy_head:
            hidden += [nn.Linear(previous, width), activation_class(settings.head_activation)()]
            previous = width
        self.policy_hidden = nn.Sequential(*hidden)
        self.policy_output = nn.Linear(previous, 2 * action_dim)  # means, then logs of standard deviations
        self.critic = Ensemble(
            settings.num_critics,
            self.encoder.width_of(self.reads["value"]) + action_dim,
            settings.critic_head,
            settings.critic_layer_norm,
            settings.head_activation,
        )
        self.log_temperature = nn.Parameter(torch.full((1,), math.log(settings.temperature_init)))
        self.encoder_target = copy.deepcopy(self.encoder)
        self.critic_target = copy.deepcopy(self.critic)
        self.adapters: Adapters | None = None  # what a surgery adds
        self.policy_average: nn.Sequential | None = None  # slow copy of the policy head
        self.generator = torch.Generator()  # of random actions that `predict` is asked for, never of training

    def members(self) -> dict[str, dict[str, Member]]:
        """Return the parts of the policy (see `parts`)."""
        return {
            "encoder": {"encoder": self.encoder},
            "encoder_target": {"encoder_target": self.encoder_target},
            "policy_head": {"policy_head.hidden": self.policy_hidden, "policy_head.output": self.policy_output},
            "policy_average": {} if self.policy_average is None else {"policy_average": self.policy_average},
            "critic": {"critic": self.critic},
            "critic_target": {"critic_target": self.critic_target},
            "temperature": {"temperature.log_value": self.log_temperature},
            "adapters": {} if self.adapters is None else {"adapters": self.adapters},
        }

    @property
    def target_encoder(self) -> Encoder:
        """What the critics' targets read: the slow copy, or the encoder itself while that stands still."""
        return self.encoder if is_frozen(self.encoder) else self.encoder_target

    @property
    def temperature(self) -> torch.Tensor:
        """The weight of the policy's entropy, (1,)."""
        return torch.exp(self.log_temperature)

    def values_of(
        self, features: torch.Tensor, actions: torch.Tensor, subset: torch.Tensor | None = None, *, slow: bool = False
    ) -> torch.Tensor:
        """Return what the critics of `subset` (None: all), or their `slow` copies, say of features and actions, (M, N).

        `features` (N, features_dim) are all of the encoder's.
        """
        critics = self.critic_target if slow else self.critic
        values: torch.Tensor = critics(self.encoder.pick(features, self.reads["value"]), actions, subset)
        return values

    def policy_out(self, features: torch.Tensor) -> torch.Tensor:
        """Return the policy head's output (N, 2 A) for features (N, features_dim)."""
        features = self.encoder.pick(features, self.reads["policy"])
        if self.adapters is not None:
            return self.adapters.head_output(features, self.policy_hidden, self.policy_output)
        output: torch.Tensor = self.policy_output(self.policy_hidden(features))
        return output

    def begin_average(self) -> None:
        """From now on a slow copy of the policy head, as it is, takes the mean actions; `follow` moves it."""
        head = OrderedDict(hidden=self.policy_hidden, output=self.policy_output)
        self.policy_average = copy.deepcopy(nn.Sequential(head))

    @torch.no_grad()
    def follow(self, weight: float) -> None:
        """Move what trains of the slow copy of the policy head by the share `weight` of its way to the head."""
        assert self.policy_average is not None
        fast = (*self.policy_hidden.parameters(), *self.policy_output.parameters())
        pairs = zip(self.policy_average.parameters(), fast, strict=True)
        moving = [(slow, own) for slow, own in pairs if slow.requires_grad]
        polyak_update([slow for slow, _ in moving], [own for _, own in moving], weight)

    def gaussian(self, obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return means and logs of standard deviations before the tanh, each (N, A), of raw observations (N, D)."""
        return split_output(self.policy_out(self.encoder(obs)))

    @property
    def keeps_features(self) -> bool:
        """Whether training leaves the encoder's features of an observation as they are."""
        return is_frozen(self.encoder) and (self.adapters is None or not self.adapters.moves_features)

    def sample(self, features: torch.Tensor, noise: torch.Tensor) -> Sample:
        """Return scaled actions drawn with `noise` (N, A) ~ N(0, 1) for features (N, features_dim)."""
        return squash_sample(self.policy_out(features), noise)

    def _predict(self, observation: Any, deterministic: bool = False) -> torch.Tensor:
        features = self.encoder(observation)
        if deterministic:
            slow = self.policy_average
            if slow is None:
                return squash_mean(self.policy_out(features))
            return squash_mean(slow(self.encoder.pick(features, self.reads["policy"])))
        output = self.policy_out(features)
        noise = torch.randn((len(output), output.shape[1] // 2), generator=self.generator).to(output.device)
        return squash_sample(output, noise).action

    def forward(self, obs: torch.Tensor, deterministic: bool = False) -> torch.Tensor:
        """Return scaled actions (N, A) for raw observations (N, obs_dim)."""
        return self._predict(obs, deterministic)

    def set_training_mode(self, mode: bool) -> None:
        """Switch training or evaluation; slow copies always evaluate, and what is frozen stays in evaluation."""
        self.train(mode)
        for slow in (self.encoder_target, self.critic_target, self.policy_average):
            if slow is not None:
                slow.train(False)

    def update_statistics(self, obs: torch.Tensor) -> None:
        """Merge raw observations (N, obs_dim) into the normaliser, and give the slow copy the same statistics."""
        self.encoder.update_statistics(obs)
        self.share_buffers()

    def share_buffers(self) -> None:
        """Give the encoder's slow copy the buffers of the encoder, exactly."""
        copy_buffers(self.encoder_target, self.encoder)

    def slow_pairs(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield (slow, fast) of all parameters that train now, of the encoder, then of the critics."""
        for slow, fast in ((self.encoder_target, self.encoder), (self.critic_target, self.critic)):
            yield from moving_pairs(slow.parameters(), fast.parameters())

    def restart_encoder_target(self) -> None:
        """Restart the slow copy at the encoder's weights, where both train from now on."""
        copy_parameters(self.encoder_target, self.encoder)

    @torch.no_grad()
    def sample_actions(self, obs: NDArray[np.float32], generator: torch.Generator) -> NDArray[np.float32]:
        """Return scaled actions (N, A) drawn for raw observations (N, obs_dim); noise is drawn on the CPU."""
        noise = torch.randn((len(obs), *self.action_space.shape), generator=generator).to(self.device)
        features = self.encoder(torch.from_numpy(obs).to(self.device))
        drawn: NDArray[np.float32] = self.sample(features, noise).action.cpu().numpy()
        return drawn


def make_policy(
    observation_space: spaces.Space[Any], action_space: spaces.Space[Any], settings: SACSettings, seed: int
) -> SacPolicy:
    """Return a policy whose initial weights depend on `seed` alone; AgentsError as from SacPolicy."""
    with seeded(seed):
        policy = SacPolicy(observation_space, action_space, settings)
    policy.generator.manual_seed(seed)
    return policy
