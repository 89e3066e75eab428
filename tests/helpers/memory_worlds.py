"""Worlds whose best action does not show in what is seen now, with known bounds for agents without a memory."""

from __future__ import annotations

import numpy as np
from probes import LinearWorld, Probe

from agents.learning.learner import Learner

__all__ = ["Alternate", "Recall", "UnevenEnds", "mean_reward"]


class _Remembering(Probe):
    """Base: keeps one number of every world's last step, 0 at an episode's start."""

    terminates = False

    def begin(self, ids: np.ndarray) -> None:
        if not hasattr(self, "before"):
            self.before = np.zeros(self.num_envs)
        self.before[ids] = 0.0


class Recall(_Remembering):
    """Sees -1 or 1 at random; the best action is half of what was seen before, 0 at first.

    Who does not remember does best with 0, and gets 1 in the first of four steps and 3/4 in the others.
    """

    limit = 4
    best, best_without_memory = 1.0, (1 + 3 * 0.75) / 4

    def begin(self, ids: np.ndarray) -> None:
        super().begin(ids)
        self.state[ids, 0] = self.rng.integers(0, 2, len(ids)) * 2.0 - 1.0

    def advance(self, actions: np.ndarray) -> np.ndarray:
        reward = 1.0 - (actions[:, 0] - 0.5 * self.before) ** 2
        self.before = self.state[:, 0].copy()
        self.state[:, 0] = self.rng.integers(0, 2, self.num_envs) * 2.0 - 1.0
        return reward


class Alternate(_Remembering):
    """Always sees 0; this action and the one before are to add up to 1/2."""

    limit = 6

    def begin(self, ids: np.ndarray) -> None:
        super().begin(ids)
        self.state[ids] = 0.0

    def advance(self, actions: np.ndarray) -> np.ndarray:
        reward = 1.0 - (actions[:, 0] + self.before - 0.5) ** 2
        self.before = actions[:, 0].copy()
        return reward


class UnevenEnds(LinearWorld):
    """Counts 1, 2, 3 ... in every world; world i terminates after i + 2 steps, and all are cut after 4."""

    obs_dim, action_dim, limit = 1, 1, 4

    def begin(self, ids: np.ndarray) -> None:
        self.state[ids] = 1.0

    def advance(self, actions: np.ndarray) -> np.ndarray:
        self.state += 1.0
        return np.zeros(self.num_envs)

    def over(self) -> np.ndarray:
        return self.time == np.arange(self.num_envs) + 2


def mean_reward(agent: Learner, worlds: Probe) -> float:
    """Return the mean reward of the agent's mean action over one episode of every world."""
    obs, _ = worlds.reset(seed=7)
    actor, started, total = agent.make_actor(worlds.num_envs), np.ones(worlds.num_envs, bool), 0.0
    for _ in range(worlds.limit):
        obs, reward, terminated, truncated, _ = worlds.step(actor.act(obs, started))
        started = terminated | truncated
        total += float(reward.mean())
    return total / worlds.limit
