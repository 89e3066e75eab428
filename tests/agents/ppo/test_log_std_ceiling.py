"""The ceiling over the exploration noise: by hand, in a run, under a plan's floor, not over what is frozen."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from probes import SMALL, LinearWorld
from spies import Records
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from agents import PPO, AgentsError, Exploration, Phase, PPOSettings, TransferPlan, parts

torch.set_num_threads(1)
SINKING = {**SMALL, "log_std_init": -0.5, "log_std_end": -2.0, "learning_rate": 1e-12}
PARTS = ("encoder", "policy_head", "value_head", "log_std")


def test_the_ceiling_by_hand() -> None:
    settings = PPOSettings(log_std_init=-0.5, log_std_end=-2.0)
    found = [settings.log_std_ceiling(done) for done in (0.0, 0.3, 0.65, 1.0)]
    assert found == pytest.approx([-0.5, -0.5, -1.25, -2.0])
    assert PPOSettings().log_std_ceiling(1.0) == math.inf


def test_the_noise_of_a_run_sinks_with_it() -> None:
    records = Records()
    agent = PPO(LinearWorld(8), SINKING, seed=0, device="cpu")
    agent.set_logger(Logger(None, [records]))
    agent.learn(8 * 8 * 10)
    found = [row["train/std"] for _, row in records.rows]
    expected = [agent.settings.log_std_ceiling(update / 10) for update in range(10)]
    np.testing.assert_allclose(found, np.exp(expected), rtol=1e-5)


class AtHalf(BaseCallback):
    """Keeps the weights and the training state before the third of four rollouts."""

    def _on_rollout_start(self) -> None:
        if self.num_timesteps == 8 * 8 * 2:
            self.kept = parts.tensors(self.model.policy), self.model.get_training_state()

    def _on_step(self) -> bool:
        return True


def test_a_run_that_is_continued_has_the_same_bytes() -> None:
    settings = {**SINKING, "learning_rate": 1e-3}
    half = AtHalf()
    whole = PPO(LinearWorld(8), settings, seed=0, device="cpu").learn(8 * 8 * 4, callback=half)
    again = PPO(LinearWorld(8), settings, seed=0, device="cpu")
    weights, state = half.kept
    parts.load(again.policy, weights)
    again.set_training_state(*state)
    again.learn(8 * 8 * 2, reset_num_timesteps=False)
    assert parts.digests(again.policy) == parts.digests(whole.policy)


def test_a_plans_floor_lies_above_it_and_what_is_frozen_stays() -> None:
    source = parts.tensors(PPO(LinearWorld(8), {**SINKING, "log_std_end": None}, seed=0, device="cpu").policy)
    kept, phase = dict.fromkeys(PARTS, "keep"), Phase("all", dict.fromkeys(PARTS, 1.0))
    agent = PPO(LinearWorld(8), SINKING, seed=1, device="cpu")
    agent.apply_plan(TransferPlan(kept, (phase,), exploration=Exploration(std=0.5, share=1.0)), source)
    agent.learn(8 * 8 * 10)  # the last of ten rollouts: ceiling -1.786, floor log 0.05
    assert agent.policy.log_std.detach().numpy() == pytest.approx(agent.settings.log_std_ceiling(0.9), abs=1e-4)
    agent.apply_plan(TransferPlan(kept, (phase,), exploration=Exploration(std=5.0, share=1.0)), source)
    agent.learn(8 * 8 * 10)
    assert agent.policy.log_std.detach().numpy() == pytest.approx(math.log(0.5), abs=1e-4)
    heads = Phase("heads", {"policy_head": 1.0, "value_head": 1.0})
    agent.apply_plan(TransferPlan({**kept, "log_std": "freeze"}, (heads,)), source)
    agent.learn(8 * 8 * 2)
    assert torch.equal(parts.tensors(agent.policy)["log_std.value"], source["log_std.value"])


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(AgentsError, match=r"log_std_end is 0\.5: it must be a finite number of at most log_std_init"):
        PPOSettings(log_std_init=0.0, log_std_end=0.5)
