"""Subject: the agent that is looked at, whatever learner made it; a row per learner in SUBJECTS."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from agents import PPO, Encoder, diagnostics, parts
from envs import unknown_name

from .sight import Seen, Sight

__all__ = ["SUBJECTS", "Acted", "PPOSubject", "Subject", "make_subject"]

Array = NDArray[np.float64]
Features = dict[str, torch.Tensor]


class Acted(NamedTuple):
    """What a policy does.

    Attributes:
        actions: (num_envs, act_dim) within the action space's bounds.
        saturated: (num_envs, act_dim) bool: entries that wanted beyond a bound, or stand at it.
    """

    actions: NDArray[np.float32]
    saturated: NDArray[np.bool_]


class Subject(Protocol):
    """What the measures ask of an agent. Its inputs are what `sight` makes of observations.

    Attributes:
        policy: its network.
        gamma: discount of a control step.
    """

    policy: parts.Parted
    gamma: float

    def sight(self, num_envs: int) -> Sight:
        """Return what it sees of `num_envs` worlds, with no episode begun."""
        ...

    def act(self, seen: Seen, noise: Array) -> Acted:
        """Act as in training, on inputs (num_envs, input_dim) with standard normal `noise` (num_envs, act_dim)."""
        ...

    def value(self, seen: Seen) -> Array:
        """Return what the critic expects after inputs (N, input_dim), (N,), in units of reward."""
        ...

    def layers(self, seen: Seen) -> Features:
        """Return what every hidden layer makes of inputs (N, input_dim), layer name -> (N, width)."""
        ...

    def z_scores(self, obs: Array) -> Array:
        """Return the mean |z| of observations (N, obs_dim) by the encoder's statistics, (obs_dim,)."""
        ...


class PPOSubject:
    """A PPO agent: mean action plus noise as in its rollouts, and the values of its value head."""

    def __init__(self, agent: PPO) -> None:
        """Look at `agent`."""
        self.policy, self.gamma = agent.policy, float(agent.gamma)
        self._low, self._high = agent.action_space.low, agent.action_space.high  # type: ignore[attr-defined]
        self._device, self._space = agent.device, agent.observation_space
        self.policy.set_training_mode(False)

    def _tensor(self, seen: Seen) -> torch.Tensor:
        return torch.from_numpy(seen).to(self._device)

    def sight(self, num_envs: int) -> Sight:
        """Return windows where the encoder reads them, else observations as they are."""
        return Sight(self._space, num_envs)

    @torch.no_grad()
    def act(self, seen: Seen, noise: Array) -> Acted:
        """Return clip(mean + std * noise), as the learner collects."""
        mean = self.policy.action_mean(self.policy.encoder(self._tensor(seen))).cpu().numpy()
        wanted = mean + self.policy.log_std.exp().cpu().numpy() * noise.astype(np.float32)
        return Acted(np.clip(wanted, self._low, self._high), (wanted < self._low) | (wanted > self._high))

    @torch.no_grad()
    def value(self, seen: Seen) -> Array:
        """Return the value head's output times its unit, (N,)."""
        values = self.policy.value_of(self.policy.value_encoder(self._tensor(seen)))
        return values.cpu().double().numpy() * self.policy.return_scale.std

    def layers(self, seen: Seen) -> Features:
        """Return the hidden layers of encoders and both heads, on the CPU."""
        batch = self._tensor(seen)

        def run() -> None:
            self.policy.action_mean(self.policy.encoder(batch))
            self.policy.value_of(self.policy.value_encoder(batch))

        return diagnostics.record_layers(self.policy, run)

    def z_scores(self, obs: Array) -> Array:
        """Return the mean |z| of every entry by the normaliser, not clipped."""
        encoder: Encoder = self.policy.encoder
        return encoder.normalizer.z_score(torch.from_numpy(obs)).numpy()


SUBJECTS: dict[str, type[Any]] = {"ppo": PPOSubject}


def make_subject(algorithm: str, agent: Any) -> Subject:
    """Return how to look at an agent of `algorithm`; EnvsError with the valid names if there is no way."""
    if algorithm not in SUBJECTS:
        raise unknown_name("algorithm to advise on", algorithm, SUBJECTS)
    subject: Subject = SUBJECTS[algorithm](agent)
    return subject
