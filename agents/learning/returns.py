"""The buffer of a rollout of all worlds: stable-baselines3's buffer, but of any length and with features."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.type_aliases import RolloutBufferSamples

__all__ = ["Rollout", "compute_gae"]

_ARRAYS = (
    "observations",
    "actions",
    "rewards",
    "returns",
    "episode_starts",
    "values",
    "log_probs",
    "advantages",
)


def compute_gae(
    rewards: NDArray[np.float32],
    values: NDArray[np.float32],
    episode_starts: NDArray[np.float32],
    last_values: NDArray[np.float32],
    last_dones: NDArray[np.bool_],
    gamma: float,
    gae_lambda: float,
) -> NDArray[np.float32]:
    """Return advantages (T, B) by generalised advantage estimation (arXiv 1506.02438, equation 16).

    `rewards`, `values`, `episode_starts` are (T, B), `last_values` and `last_dones` (B,) belong to what
    follows the last step. The bootstrap of a truncated episode is already in its last reward.
    """
    num_steps = len(rewards)
    advantages = np.empty_like(values)
    going_on = 1.0 - np.concatenate([episode_starts[1:], last_dones[None].astype(np.float32)])  # (T, B)
    next_values = np.concatenate([values[1:], last_values[None]])
    deltas = rewards + gamma * next_values * going_on - values
    decay = gamma * gae_lambda * going_on
    running: Any = np.zeros_like(last_values)
    for step in range(num_steps - 1, -1, -1):
        running = deltas[step] + decay[step] * running
        advantages[step] = running
    return advantages


class Rollout(RolloutBuffer):
    """(T, B) arrays of T steps of B worlds, T at most `buffer_size`, and the encoder's features (T, B, F).

    `values`, `returns`, `advantages`, `rewards` and the others stay NumPy arrays that callbacks may read;
    `rewards` are in the value head's unit with bootstraps added. Memory is allocated once, a shorter rollout
    is a view of it.
    """

    features: torch.Tensor  # (T, B, F) of the policy's encoder, on the learner's device
    full_returns: NDArray[np.float32]  # (T, B) lambda = 1: rewards to the end of episode or rollout, then the value
    value_features: torch.Tensor | None  # (T * B, F) of a separate value encoder while that one is frozen

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        device: torch.device | str,
        *,
        features_dim: int,
        generator: torch.Generator,
        gae_lambda: float,
        gamma: float,
        n_envs: int,
    ) -> None:
        """Allocate for `buffer_size` steps; `generator` (CPU) draws the permutations of minibatches."""
        self.generator = generator
        self._features_dim = features_dim
        self._memory: dict[str, Any] = {}
        super().__init__(buffer_size, observation_space, action_space, device, gae_lambda, gamma, n_envs)

    def reset(self, num_steps: int | None = None) -> None:
        """Empty the buffer for a rollout of `num_steps` (None: all of `buffer_size`)."""
        if not self._memory:
            super().reset()
            self._memory = {name: getattr(self, name) for name in _ARRAYS}
            shape = (self.buffer_size, self.n_envs, self._features_dim)
            self._memory["features"] = torch.zeros(shape, device=self.device)
        self.num_steps = self.buffer_size if num_steps is None else num_steps
        for name, memory in self._memory.items():
            setattr(self, name, memory[: self.num_steps])
        self.value_features = None
        self.pos, self.full, self.generator_ready = 0, False, False

    def put(
        self,
        obs: NDArray[np.float32],
        action: NDArray[np.float32],
        reward: NDArray[np.float64],
        episode_start: NDArray[np.bool_],
        features: torch.Tensor | None,
    ) -> None:
        """Write one step: (B, obs_dim), (B, action_dim), (B,), (B,), (B, F)."""
        step = self.pos
        self.observations[step] = obs
        self.actions[step] = action
        self.rewards[step] = reward
        self.episode_starts[step] = episode_start
        assert features is not None
        self.features[step] = features
        self.pos = step + 1
        self.full = self.pos == self.num_steps

    def compute_returns_and_advantage(self, last_values: torch.Tensor, dones: NDArray[np.bool_]) -> None:
        """Fill advantages and returns (advantage + value); `last_values` (B,) follow the last step."""
        last = last_values.detach().cpu().numpy().reshape(-1)
        arrays = self.rewards, self.values, self.episode_starts
        self.advantages[:] = compute_gae(*arrays, last, dones, self.gamma, self.gae_lambda)
        np.add(self.advantages, self.values, out=self.returns)
        self.full_returns = compute_gae(*arrays, last, dones, self.gamma, 1.0) + self.values

    def flat(self, name: str) -> torch.Tensor:
        """Return the array `name` as a float32 tensor (T * B, width) on the learner's device."""
        array = getattr(self, name)
        return torch.from_numpy(array.reshape(self.num_steps * self.n_envs, -1)).to(self.device, torch.float32)

    def minibatches(self, table: torch.Tensor, batch_size: int) -> Iterator[torch.Tensor]:
        """Yield the rows of `table` (N, D) once, permuted, in near-equal blocks of at most `batch_size` rows.

        The permutation is drawn on the CPU, so it is the same on every device; all columns are gathered at
        once.
        """
        order = torch.randperm(len(table), generator=self.generator).to(table.device)
        yield from torch.index_select(table, 0, order).tensor_split(-(-len(table) // batch_size))

    def get(self, batch_size: int | None = None) -> Generator[RolloutBufferSamples, None, None]:
        """Yield stable-baselines3's samples, for code written against its buffer."""
        names = ("observations", "actions", "values", "log_probs", "advantages", "returns")
        columns = [self.flat(name) for name in names]
        widths = [column.shape[1] for column in columns]
        table = torch.cat(columns, dim=1)
        for block in self.minibatches(table, batch_size or len(table)):
            obs, actions, *vectors = torch.split(block, widths, dim=1)
            yield RolloutBufferSamples(obs, actions, *(vector.flatten() for vector in vectors))
