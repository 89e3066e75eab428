"""ProbedAgent: the agent that is looked at, whatever learner made it, and what it sees of worlds side by side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from agents import PPO, SAC, Encoder
from agents.policy import diagnostics
from agents.rollouts import RowBuilder

__all__ = ["Acted", "Array", "Features", "ProbedAgent", "Seen"]

Array = NDArray[np.float64]
Features = dict[str, torch.Tensor]
Seen = NDArray[np.float32]


class Acted(NamedTuple):
    """What a policy does.

    Attributes:
        actions: (num_envs, act_dim) within the action space's bounds.
        saturated: (num_envs, act_dim) bool: entries that wanted beyond a bound, or stand at it.
    """

    actions: NDArray[np.float32]
    saturated: NDArray[np.bool_]


class ProbedAgent(ABC):
    """What the measures ask of an agent; a subclass a learner. Its inputs are what `view` makes of observations.

    Attributes:
        policy: its network.
        gamma: discount of a control step.
        value_note: what its values hold besides discounted rewards, in words; empty if nothing.
    """

    value_note: ClassVar[str] = ""

    def __init__(self, agent: PPO | SAC) -> None:
        """Look at `agent`; its policy is switched to evaluation."""
        self.policy: Any = agent.policy
        self.gamma = float(agent.gamma)
        space: Any = agent.action_space
        self._low, self._high = space.low, space.high
        self._device, self._space = agent.device, agent.observation_space
        self.policy.set_training_mode(False)

    def _tensor(self, seen: Seen) -> torch.Tensor:
        return torch.from_numpy(seen).to(self._device)

    def view(self, num_envs: int) -> RowBuilder:
        """Return what makes its inputs of what `num_envs` worlds show, no episode begun."""
        return RowBuilder(self._space, num_envs)

    @abstractmethod
    def act(self, seen: Seen, noise: Array) -> Acted:
        """Act as in training, on inputs (num_envs, input_dim) with standard normal `noise` (num_envs, act_dim)."""

    @abstractmethod
    def value(self, seen: Seen) -> Array:
        """Return what the critic expects after inputs (N, input_dim), (N,), in units of reward."""

    @abstractmethod
    def pass_through(self, batch: torch.Tensor) -> None:
        """Send inputs (N, input_dim) through all that `act` and `value` use, each layer once."""

    def layers(self, seen: Seen) -> Features:
        """Return what every hidden layer makes of inputs (N, input_dim), layer name -> (N, width), on the CPU."""
        batch = self._tensor(seen)
        return diagnostics.record_layers(self.policy, lambda: self.pass_through(batch))

    def z_scores(self, obs: Array) -> Array:
        """Return the mean |z| of observations (N, obs_dim) by the encoder's statistics, not clipped, (obs_dim,)."""
        encoder: Encoder = self.policy.encoder
        scores: Array = encoder.normalizer.z_score(torch.from_numpy(obs)).numpy()
        return scores
