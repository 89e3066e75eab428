"""The adaptive learning rate: its rule by hand, in an update, continued byte for byte, carried over by a plan."""

from __future__ import annotations

import pytest
import torch
from probes import SMALL, LinearWorld
from spies import Records
from stable_baselines3.common.logger import Logger

from agents import PPO, AgentsError, Phase, PPOSettings, SACSettings, TransferPlan, parts
from agents.ppo.adaptive_rate import AdaptiveRate

torch.set_num_threads(1)
ADAPTIVE = {**SMALL, "schedule": "adaptive", "learning_rate": 1e-3}
ALL = dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), "keep")


def test_the_rule_by_hand() -> None:
    tensors = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    optimizer = torch.optim.Adam([{"params": [t], "scale": s} for t, s in zip(tensors, (1.0, 0.1), strict=True)])
    adaptive = AdaptiveRate(1e-3, 0.01)
    for kl, rate in ((0.021, 1e-3 / 1.5), (0.02, 1e-3 / 1.5), (0.005, 1e-3 / 1.5), (0.0049, 1e-3), (0.0, 1.5e-3)):
        adaptive.follow(kl, optimizer)
        assert adaptive.rate == pytest.approx(rate)
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([rate, 0.1 * rate])
    for kl, limit in ((1.0, 1e-5), (0.0, 1e-2)):
        for _ in range(20):
            adaptive.follow(kl, optimizer)
        assert adaptive.rate == limit


def test_a_policy_that_has_not_moved_yet_has_the_rate_raised() -> None:
    records = Records()
    agent = PPO(LinearWorld(8), {**ADAPTIVE, "batch_size": 64, "num_epochs": 1}, seed=0, device="cpu")
    agent.set_logger(Logger(None, [records]))
    agent.learn(8 * 8 * 3)
    assert [row["train/learning_rate"] for _, row in records.rows] == pytest.approx([1e-3, 1.5e-3, 2.25e-3])
    assert agent.rate_now == pytest.approx(3.375e-3)


def test_a_rate_that_is_too_high_sinks() -> None:
    settings = {**ADAPTIVE, "learning_rate": 1e-2, "num_epochs": 50, "desired_kl": 1e-6}
    assert PPO(LinearWorld(8), settings, seed=0, device="cpu").learn(8 * 8).rate_now < 1e-3


def test_a_run_that_is_continued_has_the_same_bytes() -> None:
    whole = PPO(LinearWorld(8), ADAPTIVE, seed=0, device="cpu").learn(8 * 8 * 4)
    first = PPO(LinearWorld(8), ADAPTIVE, seed=0, device="cpu").learn(8 * 8 * 2)
    assert first.rate_now != 1e-3
    second = PPO(LinearWorld(8), ADAPTIVE, seed=0, device="cpu")
    parts.load(second.policy, parts.tensors(first.policy))
    second.set_training_state(*first.get_training_state())
    assert second.rate_now == first.rate_now
    second.learn(8 * 8 * 2, reset_num_timesteps=False)
    assert parts.digests(second.policy) == parts.digests(whole.policy)
    assert second.rate_now == whole.rate_now


def test_a_plan_begins_with_the_configured_rate() -> None:
    source = PPO(LinearWorld(8), ADAPTIVE, seed=0, device="cpu").learn(8 * 8 * 4)
    assert source.rate_now != 1e-3
    agent = PPO(LinearWorld(8), ADAPTIVE, seed=1, device="cpu").learn(8 * 8)
    agent.apply_plan(TransferPlan(ALL, (Phase("all", dict.fromkeys(ALL, 1.0)),)), parts.tensors(source.policy))
    assert agent.rate_now == 1e-3


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(AgentsError, match="desired_kl is 0: it must be above 0"):
        PPOSettings(desired_kl=0)
    with pytest.raises(AgentsError, match="adaptive"):
        SACSettings(schedule="adaptive")
