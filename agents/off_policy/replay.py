"""Replay: the transitions of all worlds as one table of float32 columns, so that a batch of all of them is one gather.

A step of all worlds is one block of `num_envs` rows that lie together, oldest first, until the table is full and
the oldest block is overwritten.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import AgentsError, CheckpointError
from ..learning.finite import is_finite
from ..learning.training_state import count_of
from ..rollouts.transition import Transition

__all__ = ["Replay", "Rows"]


class Rows(NamedTuple):
    """Columns of some transitions, views of one table."""

    obs: torch.Tensor  # (N, obs_dim) raw
    next_obs: torch.Tensor  # (N, obs_dim) raw; of an ended episode its last observation, not the next one's first
    actions: torch.Tensor  # (N, action_dim) scaled to [-1, 1]
    rewards: torch.Tensor  # (N,)
    continues: torch.Tensor  # (N,): 0 where the task ended; a time limit is no end, what follows it has a value
    ended: torch.Tensor  # (N,): 1 where the episode ended, either way


class Replay:
    """Room for `capacity` transitions, rounded down to whole blocks; memory is touched only as it fills."""

    def __init__(self, capacity: int, obs_dim: int, action_dim: int, num_envs: int, device: torch.device) -> None:
        """Start empty. AgentsError if not one step of all worlds fits."""
        if capacity < num_envs:
            raise AgentsError(f"buffer_size is {capacity}: a step of all {num_envs} worlds must fit")
        self.num_envs = num_envs
        self.capacity = capacity // num_envs * num_envs
        self._widths = [obs_dim, obs_dim, action_dim, 1, 1, 1]
        self._table = torch.empty((self.capacity, sum(self._widths)), device=device)
        self.clear()

    def clear(self) -> None:
        """Forget all transitions."""
        self.position = 0  # where the next block goes
        self.size = 0  # transitions in it
        self.total = 0  # transitions ever written

    def add(self, obs: NDArray[np.float32], actions: NDArray[np.float32], transition: Transition) -> slice:
        """Write one step of all worlds: what they saw and did, (num_envs, ...), and what it gave; return its rows."""
        next_obs = transition.obs
        if transition.ended.size:
            next_obs = next_obs.copy()
            next_obs[transition.ended] = transition.final_obs
        ends = np.stack([transition.reward, ~transition.terminated, transition.done], axis=1)
        block = np.concatenate([obs, next_obs, actions, ends], axis=1, dtype=np.float32, casting="unsafe")
        rows = slice(self.position, self.position + self.num_envs)
        self._table[rows] = torch.from_numpy(block)
        self.position = rows.stop % self.capacity
        self.size = max(self.size, rows.stop)
        self.total += self.num_envs
        return rows

    def draw(self, num: int, generator: torch.Generator) -> torch.Tensor:
        """Return the rows (num,) of uniformly drawn transitions, with replacement; drawn on the CPU."""
        return torch.randint(self.size, (num,), generator=generator).to(self._table.device)

    def gather(self, rows: torch.Tensor) -> Rows:
        """Return copies of the transitions in `rows` (N,)."""
        return self._columns(torch.index_select(self._table, 0, rows))

    def block(self, start: int) -> Rows:
        """Return the block that begins at row `start`, as views."""
        return self._columns(self._table[start : start + self.num_envs])

    def recent(self, num_steps: int) -> Rows:
        """Return the last `num_steps` steps of all worlds (fewer if there are not so many), oldest first."""
        num = min(num_steps * self.num_envs, self.size)
        rows = torch.arange(self.position - num, self.position, device=self._table.device) % self.capacity
        return self.gather(rows)

    def _columns(self, table: torch.Tensor) -> Rows:
        obs, next_obs, actions, *vectors = torch.split(table, self._widths, dim=1)
        return Rows(obs, next_obs, actions, *(vector.squeeze(1) for vector in vectors))

    def get_state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Return the filled part of the table on the CPU, and where the next block goes."""
        filled = self._table[: self.size].cpu().clone()
        return {"replay": filled}, {"position": self.position, "total": self.total, "capacity": self.capacity}

    def set_state(self, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
        """Continue from what `get_state` returned; CheckpointError if it does not fit."""
        if "replay" not in tensors or "position" not in state:
            raise CheckpointError("training state has no replay: it is not that of a learner with one")
        filled = tensors["replay"]
        fits = filled.ndim == 2 and filled.shape[1] == self._table.shape[1] and state["capacity"] == self.capacity
        if not fits or len(filled) > self.capacity or len(filled) % self.num_envs:
            raise CheckpointError(
                f"the replay saved is {tuple(filled.shape)} of {state['capacity']} rows, this one has "
                f"{self.capacity} x {self._table.shape[1]} in blocks of {self.num_envs}: same buffer_size, num_envs?"
            )
        if filled.dtype != self._table.dtype or not is_finite(filled):
            raise CheckpointError(f"the replay saved is {filled.dtype}, or not finite: it must be finite float32")
        position, total = count_of(state, "position"), count_of(state, "total")
        if position >= self.capacity or position % self.num_envs or total < len(filled):
            raise CheckpointError(f"the replay saved goes on at row {position} after {total} of {len(filled)}: no such")
        self._table[: len(filled)] = filled.to(self._table.device)
        self.size, self.position, self.total = len(filled), position, total
