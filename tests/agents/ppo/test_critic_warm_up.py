"""Why the default warms the critic up: a critic that misjudges the target spoils a policy that is right there."""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
import pytest
import torch
from probes import SMALL, Probe
from stable_baselines3.common.callbacks import BaseCallback

from agents import PPO, Phase, TransferPlan, parts
from envs import Domain
from sim2real.methods import DEFAULT_METHODS, METHODS, Target

torch.set_num_threads(1)  # networks this small are slower on more

NUM_ENVS = 16
ROLLOUT = NUM_ENVS * 32
# lambda 0: the policy is told by the critic alone what follows its action
SETTINGS: dict[str, Any] = {
    **SMALL,
    "num_steps": 32,
    "batch_size": 128,
    "num_epochs": 4,
    "learning_rate": 3e-3,
    "gae_lambda": 0.0,
}


class TwoActs(Probe):
    """Pays 1 - (action - 0.5)^2, then `later` times that action, whatever is done then; sees the step and the action.

    With `later` 0 the best first action is 0.5 and nothing that follows has any value.
    """

    obs_dim, limit, later = 2, 2, 0.0

    def advance(self, actions: np.ndarray) -> np.ndarray:
        first = self.state[:, 0] == 0.0
        reward = np.where(first, 1.0 - (actions[:, 0] - 0.5) ** 2, self.later * self.state[:, 1])
        self.state[:, 0], self.state[:, 1] = 1.0, actions[:, 0]
        return reward


class PaysForLess(TwoActs):
    """As TwoActs, but an action of -1 would be best: what its critics say misleads there."""

    later = -4.0


class Watch(BaseCallback):
    """Keeps what the mean first action pays, (rollouts,)."""

    def __init__(self) -> None:
        super().__init__()
        self.rewards: list[float] = []

    def _on_rollout_start(self) -> None:
        action = self.model.predict(np.zeros((1, 2), np.float32), deterministic=True)[0]
        self.rewards.append(1.0 - float(action[0, 0] - 0.5) ** 2)

    def _on_step(self) -> bool:
        return True


def misled(seed: int) -> dict[str, torch.Tensor]:
    """Return an agent whose policy is right in TwoActs, and whose critic has learnt in PaysForLess."""
    right = PPO(TwoActs(NUM_ENVS, seed), SETTINGS, seed=seed, device="cpu").learn(30 * ROLLOUT)
    agent = PPO(PaysForLess(NUM_ENVS, seed + 20), SETTINGS, seed=seed, device="cpu")
    still = {"encoder": "freeze", "policy_head": "freeze", "value_head": "keep", "log_std": "freeze"}
    plan = TransferPlan(still, (Phase("critic", {"value_head": 1.0}),), exploration=None)
    agent.apply_plan(plan, parts.tensors(right.policy))
    return parts.tensors(agent.learn(30 * ROLLOUT).policy)


def dip(plan: TransferPlan, source: dict[str, torch.Tensor], seed: int) -> float:
    """Return how far the policy, which pays 1 at first, falls on the way."""
    agent, watch = PPO(TwoActs(NUM_ENVS, seed + 50), SETTINGS, seed=seed + 1, device="cpu"), Watch()
    agent.apply_plan(plan, source)
    agent.learn(40 * ROLLOUT, callback=watch)
    assert watch.rewards[0] == pytest.approx(1.0, abs=0.01)
    return watch.rewards[0] - min(watch.rewards)


@pytest.mark.thorough
def test_without_the_warm_up_a_wrong_critic_misleads_the_policy_and_with_it_hardly() -> None:
    plan = METHODS[DEFAULT_METHODS["ppo"]].plan(None, Target("probe", "probe", Domain(), 40 * ROLLOUT, NUM_ENVS))
    cold_plan = replace(plan, phases=plan.phases[1:])
    assert [phase.name for phase in plan.phases] == ["critic_warm_up", "heads"]
    warm, cold = [], []
    for seed in range(4):
        source = misled(seed)
        warm.append(dip(plan, source, seed))
        cold.append(dip(cold_plan, source, seed))
    assert all(2.0 * one < other for one, other in zip(warm, cold, strict=True)), (warm, cold)
    assert median(warm) < 0.1 < 0.2 < median(cold), (warm, cold)
