"""wsrl, rlpd, darc: what is collected where, by whom, what batches are made of, and that none acts at random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from probes import SMALL, LinearWorld, make_policy_env
from small_runs import SAC as SAC_CONTENT
from small_runs import small_config, small_content
from stable_baselines3.common.callbacks import BaseCallback

from agents import (
    PPO,
    SAC,
    Bundle,
    CheckpointError,
    Phase,
    PlanError,
    SourceData,
    TransferPlan,
    load_bundle,
    parts,
    save_bundle,
)
from agents.sac.batches import Batch, iterate_batches
from envs import Domain
from sim2real.bench import load_bench_config
from sim2real.errors import UserError
from sim2real.methods import METHODS, Target
from sim2real.transfer.transfer import Transfer

torch.set_num_threads(1)  # networks this small are slower on more

TINY: dict[str, Any] = {
    "encoder": {"widths": [8]},
    "policy_head": [8],
    "critic_head": [8],
    "batch_size": 32,
    "learning_starts": 32,
    "buffer_size": 4096,
    "gradient_steps": 0.25,
}
ALL = dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), 1.0)
NUM_ENVS, STEPS = 8, 8 * 80
TARGET = Target("linear", "other", Domain(), STEPS, NUM_ENVS)
BONUS = 1000.0
OFF_POLICY = ("wsrl", "rlpd", "darc")


class PaysMore(LinearWorld):
    """A source whose transitions are known by what they pay."""

    def advance(self, actions: np.ndarray) -> np.ndarray:
        return super().advance(actions) + BONUS


@pytest.fixture(scope="module")
def source() -> Bundle:
    """An agent that acts by its mean, nearly: what it does says by which policy."""
    agent = SAC(LinearWorld(8), TINY, seed=0, device="cpu").learn(8 * 30)
    with torch.no_grad():
        agent.policy.policy_output.weight[2:] = 0.0
        agent.policy.policy_output.bias[2:] = -15.0  # log of the standard deviations
    return Bundle(parts.tensors(agent.policy), {}, {}, "")


def begun(method: str, source: Bundle, **settings: Any) -> SAC:
    """Return an agent that has begun a method's plan, five worlds of the source at its side."""
    row = METHODS[method]
    agent = SAC(LinearWorld(NUM_ENVS, seed=5), {**TINY, **settings, **row.settings}, seed=1, device="cpu")
    agent.apply_plan(row.plan(source, TARGET), source.weights, PaysMore(5, seed=6))
    return agent


def source_steps(agent: SAC) -> int:
    assert agent.source_env is not None
    return int(agent.source_env.counts["steps"])  # type: ignore[attr-defined]


def batches_of(agent: SAC, num: int) -> list[Batch]:
    generator = torch.Generator().manual_seed(3)
    return list(
        iterate_batches(agent.policy, agent.experience.pools(agent.settings.batch_size), agent.settings, generator, num)
    )


def test_wsrl_updates_nothing_before_its_budget_and_keeps_no_source_data(source: Bundle) -> None:
    agent = begun("wsrl", source)
    before = parts.digests(agent.policy)
    agent.learn(64)
    assert parts.digests(agent.policy) == before
    assert agent._n_updates == 0
    assert agent.phase is not None
    assert agent.phase.name == "all"
    agent.learn(STEPS - 64, reset_num_timesteps=False)
    now = parts.digests(agent.policy)
    assert all(now[part] != digest for part, digest in before.items())
    assert agent._n_updates == (STEPS - 64) // 4  # nothing is owed for the steps before
    assert agent.experience.stream is None
    assert source_steps(agent) == 0
    assert agent.replay.size == agent.replay.total == STEPS
    assert float(agent.replay.recent(80).rewards.max()) < BONUS / 2


@pytest.mark.parametrize(
    ("steps", "num_envs", "expected"),
    [(1024, 4, 100), (19_200, 16, 1920), (102_400, 16, 4992), (8, 8, 8), (50_000, 8, 5000)],
)
def test_wsrl_collects_a_tenth_or_five_thousand_in_whole_steps(steps: int, num_envs: int, expected: int) -> None:
    plan = METHODS["wsrl"].plan(None, Target("linear", "other", Domain(), steps, num_envs))
    assert plan.phases[0].budget == expected
    assert dict(plan.phases[0].trains) == {}
    assert set(plan.parts.values()) == {"keep"}


def test_every_batch_of_rlpd_is_half_and_half(source: Bundle) -> None:
    agent = begun("rlpd", source)
    agent.learn(STEPS)
    assert source_steps(agent) == STEPS == agent.experience.stream.replay.size  # type: ignore[union-attr]
    for batch in batches_of(agent, 600):  # more than are drawn at once
        assert batch.rewards.shape == (32,)
        assert bool((batch.rewards[:16] > BONUS / 2).all())
        assert bool((batch.rewards[16:] < BONUS / 2).all())


def test_every_share_is_exact_and_a_batch_whole(source: Bundle) -> None:
    plan = TransferPlan(dict.fromkeys(ALL, "keep"), (Phase("all", ALL),), source_data=SourceData(100, share=0.25))
    agent = SAC(LinearWorld(8, seed=5), TINY, seed=1, device="cpu")
    agent.apply_plan(plan, source.weights, PaysMore(8, seed=6))
    agent.learn(8 * 20)
    assert source_steps(agent) == 104  # rounded up to whole steps of eight worlds
    for batch in batches_of(agent, 10):
        assert int((batch.rewards > BONUS / 2).sum()) == 8


def test_rlpd_learns_ten_fresh_critics_and_keeps_the_policy(source: Bundle) -> None:
    agent = begun("rlpd", source)
    assert agent.policy.critic.num == 10
    assert agent.settings.num_subset == 2
    assert agent.settings.critic_layer_norm
    own = parts.tensors(agent.policy)
    for name in own:
        if name.split(".")[0] in ("encoder", "policy_head"):
            assert torch.equal(own[name], source.weights[name]), name
    before = parts.digests(agent.policy)
    agent.learn(64)
    moved = {part for part, digest in parts.digests(agent.policy).items() if digest != before[part]}
    assert moved == {"critic", "critic_target"}


def test_source_steps_are_taken_by_the_source_policy_before_the_first_on_the_target(source: Bundle) -> None:
    """Even where the learner's policy begins anew."""
    parted = {**dict.fromkeys(ALL, "keep"), "policy_head": "reset"}
    agent = SAC(LinearWorld(8, seed=5), TINY, seed=1, device="cpu")
    agent.apply_plan(
        TransferPlan(parted, (Phase("all", ALL),), source_data=SourceData(80)), source.weights, PaysMore(8, seed=6)
    )
    whole = SAC(LinearWorld(8), TINY, seed=0, device="cpu")
    parts.load(whole.policy, source.weights)
    seen: list[int] = []

    class Watch(BaseCallback):
        def _on_rollout_start(self) -> None:
            seen.append(source_steps(agent))

        def _on_step(self) -> bool:
            return True

    agent.learn(8 * 3, callback=Watch())
    assert seen == [80, 80, 80]
    assert agent.experience.stream is not None
    rows = agent.experience.stream.replay.recent(10)
    expected, _ = whole.predict(rows.obs.numpy(), deterministic=True)
    np.testing.assert_allclose(rows.actions.numpy(), expected, atol=1e-4)


def test_darc_learns_from_source_transitions_alone_and_takes_ten_a_step(source: Bundle) -> None:
    agent = begun("darc", source)
    before = parts.digests(agent.policy)
    agent.learn(64)
    assert parts.digests(agent.policy) == before  # the classifiers alone learn
    agent.learn(STEPS - 64, reset_num_timesteps=False)
    assert agent.num_timesteps == STEPS
    assert agent._n_updates == (STEPS - 64) // 4
    assert source_steps(agent) == 65 + 10 * STEPS  # five worlds: 64 rounded up
    for batch in batches_of(agent, 10):
        assert bool((batch.rewards > BONUS / 2).all())
    assert agent.experience.stream is not None
    assert agent.experience.stream.classifiers is not None
    rows = agent.experience.stream.replay.recent(20)
    assert float(agent.experience.stream.classifiers.correction(rows).abs().mean()) > 0.0


def test_cached_features_of_both_replays_give_the_same_training(source: Bundle) -> None:
    frozen = {**dict.fromkeys(ALL, "keep"), "encoder": "freeze"}
    heads = {name: 1.0 for name in ALL if name != "encoder"}
    plan = TransferPlan(frozen, (Phase("heads", heads),), source_data=SourceData(64, per_target_step=2))
    ends = []
    for cache in (True, False):
        agent = SAC(LinearWorld(8, seed=5), {**TINY, "cache_features": cache}, seed=1, device="cpu")
        agent.apply_plan(plan, source.weights, PaysMore(8, seed=6))
        agent.learn(8 * 30)
        assert agent.experience.stream is not None
        assert agent.experience.stream.cache.valid == cache
        ends.append(parts.tensors(agent.policy))
    for name, tensor in ends[0].items():
        torch.testing.assert_close(tensor, ends[1][name], rtol=1e-4, atol=1e-4, msg=name)


CARRIED = [
    name
    for name, row in METHODS.items()
    if "sac" in row.algorithms
    and row.needs_source
    and not row.needs_teacher
    and name not in ("zero_shot", "feature_extraction")  # takes no step; has a fresh policy, with noise
]


@pytest.mark.thorough
@pytest.mark.parametrize("method", CARRIED)
def test_no_method_acts_at_random_on_the_target(method: str, source: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever `random_start` says: every action is the policy's own, whose noise is next to nothing."""
    monkeypatch.setattr("sim2real.methods.ewc.SOURCE_STEPS", 40)
    agent = begun(method, source, random_start=10_000, learning_rate=1e-5)
    off = []

    class Spy(BaseCallback):
        def _on_step(self) -> bool:
            with torch.no_grad():  # of the policy that learns, whoever else takes the mean actions
                mean, _ = agent.policy.gaussian(torch.as_tensor(self.locals["obs"]))
            off.append(float(np.abs(self.locals["buffer_actions"] - torch.tanh(mean).numpy()).max()))
            return True

    agent.learn(STEPS, callback=Spy())
    assert len(off) == STEPS // NUM_ENVS
    assert max(off) < 1e-4


@pytest.mark.thorough
@pytest.mark.parametrize("method", OFF_POLICY)
def test_continuing_is_not_having_stopped(method: str, source: Bundle, tmp_path: Path) -> None:
    """Twice N steps at once; and N, a bundle on disk, another object, N more: weights, replays, classifiers equal."""
    half, states, weights = 8 * 37, [], []

    class Stop(BaseCallback):
        def _on_rollout_start(self) -> None:
            if self.num_timesteps == half:
                states.append(self.model.get_training_state())  # type: ignore[attr-defined]
                weights.append(parts.tensors(self.model.policy))  # type: ignore[arg-type]

        def _on_step(self) -> bool:
            return True

    whole = begun(method, source).learn(STEPS, callback=Stop())
    tensors, state = states[0]
    save_bundle(tmp_path / "bundle", weights=weights[0], state=tensors, meta={"training": state})
    bundle = load_bundle(tmp_path / "bundle")
    again = begun(method, source)
    parts.load(again.policy, bundle.weights)
    again.set_training_state(bundle.state, bundle.meta["training"])
    again.learn(STEPS - half, reset_num_timesteps=False)
    ends = [agent.get_training_state() for agent in (whole, again)]
    assert ends[0][1] == ends[1][1]
    assert ends[0][0].keys() == ends[1][0].keys()
    for key, tensor in ends[0][0].items():
        assert torch.equal(tensor, ends[1][0][key]), key
    assert ("own/source/replay/replay" in ends[0][0]) == (method != "wsrl")
    other = SAC(LinearWorld(8), {**TINY, **METHODS[method].settings}, seed=1, device="cpu")
    parts.load(other.policy, bundle.weights)
    if method != "wsrl":
        with pytest.raises(CheckpointError, match="apply the run's own plan first"):
            other.set_training_state(bundle.state, bundle.meta["training"])


def test_what_a_plan_with_source_data_lacks_is_named(source: Bundle) -> None:
    plan = METHODS["rlpd"].plan(source, TARGET)
    agent = SAC(LinearWorld(8), {**TINY, **METHODS["rlpd"].settings}, seed=1, device="cpu")
    with pytest.raises(PlanError, match="worlds of the source are needed"):
        agent.apply_plan(plan, source.weights)
    with pytest.raises(PlanError, match="the tensors of a source"):
        agent.apply_plan(plan, None, PaysMore(8))
    with pytest.raises(PlanError, match=r"observation_space .* one batch cannot have both"):
        agent.apply_plan(plan, source.weights, make_policy_env(6, 2))
    with pytest.raises(PlanError, match="PPO has no use for them"):
        PPO(LinearWorld(8), SMALL, seed=0, device="cpu").apply_plan(plan, source.weights, PaysMore(8))


@pytest.mark.parametrize("change", [{"steps": 0}, {"share": 0.0}, {"share": 1.5}, {"per_target_step": -1}])
def test_source_data_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PlanError, match=rf"source_data\.{next(iter(change))} is"):
        SourceData(**{"steps": 8, **change})


@pytest.mark.parametrize(
    ("method", "content", "algorithm"),
    [*((method, {}, "ppo") for method in OFF_POLICY), ("progressive", SAC_CONTENT, "sac")],
)
def test_a_method_and_a_learner_that_do_not_fit_are_one_clear_error(
    method: str, content: dict[str, Any], algorithm: str, tmp_path: Path
) -> None:
    other = "sac" if algorithm == "ppo" else "ppo"
    words = f"method {method}: cannot be carried out by agent.algorithm '{algorithm}'; valid: {other}"
    with pytest.raises(UserError, match=words):
        Transfer(small_config(**content), None, "heavy", method).row()
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(small_content(**content)))
    grid = {"name": "grid", "environments": ["small.yaml"], "targets": ["heavy"], "seeds": [0]}
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump({**grid, "methods": ["frozen_encoder", method]}))
    bench = load_bench_config(tmp_path / "grid.yaml")
    with pytest.raises(UserError, match=words):
        bench.run_config("small.yaml", 0, tmp_path)
