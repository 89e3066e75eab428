"""SAC under transfer plans: what stands still, what follows what, and continuing byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from probes import LinearWorld
from stable_baselines3.common.callbacks import BaseCallback

from agents import (
    CheckpointError,
    ExplainedVariance,
    Phase,
    PlanError,
    Regulariser,
    Surgery,
    TransferPlan,
    load_bundle,
    parts,
    pretrain_plan,
    save_bundle,
)
from agents.plan.exploration import Exploration
from agents.sac import SAC
from agents.sac.gradients import HandGradients

torch.set_num_threads(1)  # networks this small are slower on more

TINY: dict[str, Any] = {
    "encoder": {"widths": [8, 6]},
    "policy_head": [8],
    "critic_head": [8],
    "batch_size": 32,
    "learning_starts": 32,
    "buffer_size": 4096,
    "gradient_steps": 0.5,
}
HEADS = {"policy_head": 1.0, "value_head": 1.0, "log_std": 1.0}
KEEP = {"encoder": "keep", **dict.fromkeys(HEADS, "keep")}
FROZEN = {**KEEP, "encoder": "freeze"}
TARGETS = {"encoder": "encoder_target", "critic": "critic_target"}


@pytest.fixture(scope="module")
def source() -> dict[str, torch.Tensor]:
    """Tensors of an agent whose slow copies lag behind."""
    return parts.tensors(SAC(LinearWorld(8), TINY, seed=0, device="cpu").learn(8 * 40).policy)


def begun(plan: TransferPlan, source: dict[str, torch.Tensor] | None, **settings: Any) -> SAC:
    """Return an agent that has begun `plan`."""
    agent = SAC(LinearWorld(8, seed=5), {**TINY, **settings}, seed=1, device="cpu")
    agent.apply_plan(plan, source)
    return agent


def moved(agent: SAC, before: dict[str, str]) -> set[str]:
    """Return the parts that differ from `before`."""
    return {part for part, digest in parts.digests(agent.policy).items() if digest != before[part]}


@pytest.mark.parametrize("cache", [True, False])
def test_a_frozen_encoder_keeps_every_bit_and_so_does_its_slow_copy(
    source: dict[str, torch.Tensor], cache: bool
) -> None:
    agent = begun(TransferPlan(FROZEN, (Phase("heads", HEADS),)), source, cache_features=cache)
    policy, before = agent.policy, parts.digests(agent.policy)
    for name, tensor in parts.tensors(policy, ["encoder"]).items():
        assert torch.equal(tensor, source[name])
        assert torch.equal(tensor, parts.references(policy)[name.replace("encoder", "encoder_target", 1)])
    agent.learn(8 * 30)
    assert agent.caches == agent.experience.cache.valid == cache
    assert moved(agent, before) == {"policy_head", "critic", "critic_target", "temperature"}


def test_cached_features_give_the_same_training(source: dict[str, torch.Tensor]) -> None:
    plan = TransferPlan(FROZEN, (Phase("heads", HEADS),))
    agents = [begun(plan, source, cache_features=cache).learn(8 * 30) for cache in (True, False)]
    ends = [parts.tensors(agent.policy) for agent in agents]
    for name, tensor in ends[0].items():
        torch.testing.assert_close(tensor, ends[1][name], rtol=1e-4, atol=1e-5, msg=name)


def test_a_slow_copy_lags_while_its_original_trains(source: dict[str, torch.Tensor]) -> None:
    agent = begun(TransferPlan(KEEP, (Phase("all", {"encoder": 1.0, **HEADS}),)), source)
    agent.learn(8 * 30)
    for fast, slow in TARGETS.items():
        one, two = (parts.tensors(agent.policy, [part]) for part in (fast, slow))
        differ = [name for name in one if not torch.equal(one[name], two[name.replace(fast, slow, 1)])]
        assert differ
        assert not any("normalizer" in name for name in differ)


def test_critics_alone_train_while_the_policy_acts(source: dict[str, torch.Tensor]) -> None:
    agent = begun(TransferPlan(KEEP, (Phase("critics", {"value_head": 1.0}),)), source)
    before, seen = parts.digests(agent.policy), []

    class Spy(BaseCallback):
        def _on_step(self) -> bool:
            seen.append(self.locals["buffer_actions"].copy())
            return True

    agent.learn(8 * 30, callback=Spy())
    assert moved(agent, before) == {"critic", "critic_target"}
    assert agent._n_updates == 8 * 27 // 2
    with torch.no_grad():
        obs = agent.replay.recent(30).obs
        mean = torch.tanh(agent.policy.policy_out(agent.policy.encoder(obs))[:, :2]).reshape(30, 8, 2)
    assert float(np.abs(np.stack(seen) - mean.numpy()).mean()) > 0.01  # not its mean: it explores


def test_a_phase_that_trains_nothing_fills_the_replay(source: dict[str, torch.Tensor]) -> None:
    phases = Phase("collect", {}, budget=8 * 10), Phase("all", {"encoder": 1.0, **HEADS})
    agent = begun(TransferPlan(KEEP, phases), source)
    before = parts.digests(agent.policy)
    agent.learn(8 * 10)
    assert agent._n_updates == 0
    assert agent.replay.size == 80
    assert moved(agent, before) == set()
    agent.learn(8, reset_num_timesteps=False)
    assert agent._n_updates == 4  # those of the one new step: nothing is owed for the others


def test_a_slow_copy_begins_anew_where_its_original_begins_to_train(source: dict[str, torch.Tensor]) -> None:
    everything = {"encoder": 1.0, **HEADS}
    phases = (
        Phase("all", everything, budget=8 * 20),
        Phase("heads", HEADS, budget=8 * 10),
        Phase("again", everything, budget=8 * 10),
    )
    agent = begun(TransferPlan(KEEP, phases), source)
    agent.learn(8 * 20)
    lagging = parts.tensors(agent.policy, ["encoder_target"])
    agent.learn(8 * 9, reset_num_timesteps=False)
    assert agent.experience.cache.valid
    for name, tensor in parts.tensors(agent.policy, ["encoder_target"]).items():
        assert torch.equal(tensor, lagging[name]), name
    agent.learn(8, reset_num_timesteps=False)
    assert not agent.experience.cache.valid
    for name, tensor in parts.tensors(agent.policy, ["encoder"]).items():
        assert torch.equal(tensor, parts.tensors(agent.policy)[name.replace("encoder", "encoder_target", 1)])
    agent.learn(8 * 10, reset_num_timesteps=False)


def test_one_layer_of_the_encoder_trains_and_so_does_its_copy_alone(source: dict[str, torch.Tensor]) -> None:
    agent = begun(TransferPlan(KEEP, (Phase("top", {"encoder.layers.3": 0.5, **HEADS}),)), source)
    before = parts.tensors(agent.policy)
    agent.learn(8 * 20)
    now = parts.tensors(agent.policy)
    changed = {name.rpartition(".")[0] for name in now if not torch.equal(now[name], before[name])}
    assert {unit for unit in changed if unit.startswith("encoder")} == {"encoder.layers.3", "encoder_target.layers.3"}
    rates = {group["scale"] for optimizer in agent.optimizers for group in optimizer.param_groups}
    assert rates == {0.5, 1.0}


def test_statistics_alone_train(source: dict[str, torch.Tensor]) -> None:
    agent = begun(TransferPlan(KEEP, (Phase("recalibrate", {"encoder.normalizer": 1.0}),)), source)
    before = parts.tensors(agent.policy)
    agent.learn(8 * 20)
    now = parts.tensors(agent.policy)
    changed = {name.rpartition(".")[0] for name in now if not torch.equal(now[name], before[name])}
    assert changed == {"encoder.normalizer", "encoder_target.normalizer"}
    assert agent._n_updates == 0


def test_momentum_does_not_move_what_stopped_training() -> None:
    phases = Phase("all", {"encoder": 1.0, **HEADS}, budget=8 * 20), Phase("critics", {"value_head": 1.0})
    agent = begun(TransferPlan(dict.fromkeys(parts.PARTS, "reset"), phases), None)
    agent.learn(8 * 20)
    before = parts.digests(agent.policy)
    agent.learn(8 * 30, reset_num_timesteps=False)
    assert moved(agent, before) == {"critic", "critic_target"}


def test_a_plan_begins_with_an_empty_replay(source: dict[str, torch.Tensor]) -> None:
    agent = SAC(LinearWorld(8), TINY, seed=1, device="cpu").learn(8 * 20)
    assert agent.replay.size == 160
    agent.apply_plan(TransferPlan(KEEP, (Phase("all", HEADS),)), source)
    assert agent.replay.size == agent.replay.total == 0


def test_temperature_is_raised_to_its_floor_and_sinks_with_it(source: dict[str, torch.Tensor]) -> None:
    plan = TransferPlan(KEEP, (Phase("all", HEADS),), exploration=Exploration(temperature=3.0, share=0.5))
    agent = begun(plan, source, learning_rate=0.01)
    assert float(agent.policy.temperature.detach()) == pytest.approx(3.0)
    floors = []

    class Watch(BaseCallback):
        def _on_rollout_start(self) -> None:
            floors.append(float(agent.policy.temperature.detach()))

        def _on_step(self) -> bool:
            return True

    agent.learn(8 * 40, callback=Watch())
    floor = 3.0 * (1 - np.arange(4, 20) / 20)  # then come four updates a step, each of 0.01
    assert float(np.min(np.array(floors)[5:21] / floor)) > np.exp(-4 * 0.011)
    assert floors[-1] < 1.5


@pytest.mark.parametrize("cell", ["gru", "tcn"])
def test_a_history_encoder_trains_by_autograd(cell: str) -> None:
    encoder = {"kind": "history", "length": 4, "cell": cell, "memory_width": 6, "widths": [8]}
    agent = SAC(LinearWorld(8), {**TINY, "encoder": encoder}, seed=0, device="cpu")
    before = parts.digests(agent.policy)
    agent.learn(8 * 12)
    assert moved(agent, before) == set(before)
    assert agent.replay.recent(1).obs.shape[1] == agent.observation_space.shape[0] > 5  # type: ignore[index]


PLANS = {
    "pretrain": (None, pretrain_plan()),
    "frozen": (FROZEN, TransferPlan(FROZEN, (Phase("heads", HEADS),))),
    "warm-up": (
        KEEP,
        TransferPlan(
            KEEP,
            (
                Phase("collect", {}, budget=8 * 5),
                Phase("critics", {"value_head": 1.0}, stop=ExplainedVariance(0.999, 0, 8 * 70)),
                Phase("all", {"encoder": 1.0, **HEADS}),
            ),
        ),
    ),
}


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("extra", [{}, {"num_critics": 3, "num_steps": 3, "buffer_size": 333, "gradient_steps": 0.3}])
def test_continuing_is_not_having_stopped(
    source: dict[str, torch.Tensor], tmp_path: Path, name: str, extra: dict[str, Any]
) -> None:
    """2 N steps at once, and N, a bundle on disk, a new object, N more: every weight and every transition equal."""
    carried, plan = PLANS[name]
    if extra:
        carried, plan = (None, plan) if name == "pretrain" else (carried, plan)
        source = parts.tensors(SAC(LinearWorld(8), {**TINY, **extra}, seed=0, device="cpu").policy)
    half, settings = 8 * 72, {"schedule": "linear", "gradient_steps": 0.125, **extra}

    class Stop(BaseCallback):
        """Stops where a checkpoint would be taken: before a rollout."""

        def _on_rollout_start(self) -> None:
            if self.num_timesteps >= half and not states:
                states.append(self.model.get_training_state())  # type: ignore[attr-defined]
                weights.append(parts.tensors(self.model.policy))  # type: ignore[arg-type]

        def _on_step(self) -> bool:
            return True

    states: list[Any] = []
    weights: list[Any] = []
    whole = begun(plan, source if carried else None, **settings).learn(2 * half, callback=Stop())
    tensors, state = states[0]
    save_bundle(tmp_path / "bundle", weights=weights[0], state=tensors, meta={"training": state})
    bundle = load_bundle(tmp_path / "bundle")
    again = SAC(LinearWorld(8, seed=99), {**TINY, **settings}, seed=77, device="cpu")
    parts.load(again.policy, bundle.weights)
    again.set_training_state(bundle.state, bundle.meta["training"])
    again.learn(2 * half - again.num_timesteps, reset_num_timesteps=False)
    assert parts.digests(again.policy) == parts.digests(whole.policy)
    assert again.num_timesteps == whole.num_timesteps == 2 * half
    ends = [agent.get_training_state() for agent in (whole, again)]
    assert ends[0][1] == ends[1][1]
    assert ends[0][0].keys() == ends[1][0].keys()
    for key, tensor in ends[0][0].items():
        assert torch.equal(tensor, ends[1][0][key]), key
    assert ends[0][0]["own/replay"].shape[0] == min(2 * half, whole.replay.capacity)


def test_state_of_other_weights_or_sizes_is_refused() -> None:
    agent = SAC(LinearWorld(8), TINY, seed=0, device="cpu").learn(8 * 10)
    tensors, state = agent.get_training_state()
    with pytest.raises(CheckpointError, match=r"other weights of .*critic"):
        SAC(LinearWorld(8), TINY, seed=1, device="cpu").set_training_state(tensors, state)
    smaller = SAC(LinearWorld(8), {**TINY, "buffer_size": 80}, seed=1, device="cpu")
    parts.load(smaller.policy, parts.tensors(agent.policy))
    with pytest.raises(CheckpointError, match="same buffer_size, num_envs"):
        smaller.set_training_state(tensors, state)


def test_a_plan_that_is_over_learns_no_more(source: dict[str, torch.Tensor]) -> None:
    agent = begun(TransferPlan(KEEP, (Phase("all", HEADS, budget=8 * 4),)), source).learn(8 * 40)
    assert agent.num_timesteps == 8 * 4
    with pytest.raises(PlanError, match="all its phases are over"):
        agent.learn(8)
    with pytest.raises(PlanError, match="zero-shot"):
        begun(TransferPlan(KEEP), source).learn(8)


def test_penalties_hold_sac_near_its_source(source: dict[str, torch.Tensor]) -> None:
    """The stronger the pull, the nearer the weights, and the policy's distribution, stay."""

    def away(*pull: Regulariser) -> tuple[float, float]:
        phase = Phase("all", {"encoder": 1.0, **HEADS}, regularisers=pull)
        agent = begun(TransferPlan(KEEP, (phase,)), source, learning_rate=1e-2)
        whole = SAC(LinearWorld(8), TINY, seed=0, device="cpu").policy
        parts.load(whole, source)
        agent.learn(8 * 30)
        obs = agent.replay.recent(30).obs
        with torch.no_grad():
            before, after = whole.gaussian(obs)[0], agent.policy.gaussian(obs)[0]
        head = parts.tensors(agent.policy, ["policy_head", "critic"])
        weights = sum(float((tensor - source[name]).square().sum()) for name, tensor in head.items())
        return weights, float((after - before).square().mean())

    free, weights = away(), away(Regulariser("l2_source", 10.0, {"parts": ["*"]}))
    policy = away(Regulariser("kl_source", 300.0, {"share": 1.0}))
    assert weights[0] < 0.2 * free[0]
    assert policy[1] < 0.2 * free[1]


@pytest.mark.parametrize("kind", ["l2_source", "kl_source"])
def test_penalties_by_hand_are_autograds(
    source: dict[str, torch.Tensor], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = Phase("all", {"encoder": 1.0, **HEADS}, regularisers=(Regulariser(kind, 2.0),))
    ends = []
    for by_hand in (True, False):
        if not by_hand:
            monkeypatch.setattr(HandGradients, "supports", staticmethod(lambda policy, cached: False))
        ends.append(parts.tensors(begun(TransferPlan(KEEP, (phase,)), source).learn(8 * 12).policy))
    for name, tensor in ends[0].items():
        torch.testing.assert_close(tensor, ends[1][name], rtol=1e-2, atol=2e-3, msg=name)


@pytest.mark.parametrize("kind", ["residual", "low_rank"])
def test_surgeries_of_sac_train_their_adapters_alone(source: dict[str, torch.Tensor], kind: str) -> None:
    actions = {"encoder": "freeze", "policy_head": "freeze", "value_head": "keep", "log_std": "keep"}
    phase = Phase("adapters", {"adapters": 1.0, "value_head": 1.0})
    agent = begun(TransferPlan({**actions, "adapters": "reset"}, (phase,), surgery=Surgery(kind)), source)
    untouched = begun(TransferPlan(actions, (Phase("critics", {"value_head": 1.0}),)), source)
    obs = np.random.default_rng(0).standard_normal((20, 5))
    np.testing.assert_allclose(
        agent.predict(obs, deterministic=True)[0], untouched.predict(obs, deterministic=True)[0], atol=1e-6
    )
    before = parts.digests(agent.policy)
    agent.learn(8 * 20)
    assert moved(agent, before) == {"adapters", "critic", "critic_target"}
