"""Plans and phases: data that checks itself, walked through in order, with proof that what is still stood still."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
import torch
from probes import SMALL, LinearWorld
from stable_baselines3.common.callbacks import BaseCallback

from agents import (
    PARTS,
    PPO,
    SAC,
    ExplainedVariance,
    Exploration,
    FrozenError,
    PartsError,
    Phase,
    PlanError,
    TransferPlan,
    parts,
    pretrain_plan,
)

torch.set_num_threads(1)  # networks this small are slower on more

ALL = dict.fromkeys(PARTS, 1.0)
CARRIED = {"encoder": "freeze", "policy_head": "keep", "value_head": "keep", "log_std": "keep"}
HEADS = {"policy_head": 1.0, "value_head": 1.0, "log_std": 1.0}
WARM_UP = Phase("critic_warm_up", {"value_head": 1.0}, stop=ExplainedVariance(0.9, 0, 128))
FROZEN_ENCODER = TransferPlan(CARRIED, (WARM_UP, Phase("heads", HEADS)))


def make(seed: int = 0, **settings: Any) -> PPO:
    return PPO(LinearWorld(8), {**SMALL, **settings}, seed=seed, device="cpu")


@pytest.fixture(scope="module")
def source() -> dict[str, torch.Tensor]:
    return parts.tensors(make().learn(8 * 8 * 3).policy)


class Watch(BaseCallback):
    """Notes the phase of every rollout and the parts that moved since the last one."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[str, set[str]]] = []
        self._before: dict[str, str] = {}

    def _on_rollout_start(self) -> None:
        assert isinstance(self.model, PPO)
        now = parts.digests(self.model.policy)
        moved = {part for part, digest in now.items() if self._before.get(part, digest) != digest}
        self.rows.append((self.model.phase.name if self.model.phase else "", moved))
        self._before = now

    def _on_training_end(self) -> None:
        self._on_rollout_start()

    def _on_step(self) -> bool:
        return True


def test_only_the_phases_parts_move(source: dict[str, torch.Tensor]) -> None:
    agent, watch = make(1), Watch()
    agent.apply_plan(FROZEN_ENCODER, source)
    agent.learn(8 * 8 * 5, callback=watch)
    names = [name for name, _ in watch.rows]
    moved = [parts_moved for _, parts_moved in watch.rows]
    assert names == ["critic_warm_up"] * 2 + ["heads"] * 4  # 128 steps are two rollouts
    assert moved == [set(), {"value_head"}, {"value_head"}, *[set(HEADS)] * 3]
    assert parts.digests(agent.policy)["encoder"] == parts.digests(_loaded(source).policy)["encoder"]


def _loaded(source: dict[str, torch.Tensor]) -> PPO:
    agent = make()
    parts.load(agent.policy, source)
    return agent


def trained_by(optimizer: torch.optim.Optimizer) -> set[int]:
    """Return the ids of all tensors an optimizer moves."""
    return {id(tensor) for group in optimizer.param_groups for tensor in group["params"]}


def rate_of(agent: PPO, part: str) -> float:
    """Return the learning rate that all tensors of a part have."""
    own = {id(tensor) for tensor in parts.parameters(agent.policy, [part])}
    groups = [group for group in agent.policy.optimizer.param_groups if own & {id(t) for t in group["params"]}]
    assert len(groups) == 1
    assert own <= {id(tensor) for tensor in groups[0]["params"]}
    return float(groups[0]["lr"])


def test_learning_rate_scales_reach_the_optimizer(source: dict[str, torch.Tensor]) -> None:
    agent = make(1, learning_rate=1e-3)
    kept = dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), "keep")
    agent.apply_plan(TransferPlan(kept, (Phase("all", {**HEADS, "encoder": 0.1}),)), source)
    agent.learn(8 * 8)
    rates = {part: rate_of(agent, part) for part in kept}
    assert rates == pytest.approx({"encoder": 1e-4, "policy_head": 1e-3, "value_head": 1e-3, "log_std": 1e-3})


def test_every_phase_has_a_fresh_optimizer_over_its_parts(source: dict[str, torch.Tensor]) -> None:
    agent = make(1)
    agent.apply_plan(FROZEN_ENCODER, source)
    first = agent.policy.optimizer
    assert trained_by(first) == {id(p) for p in parts.parameters(agent.policy, ["value_head"])}
    agent.learn(128)
    assert agent.policy.optimizer is not first
    heads = parts.parameters(agent.policy, ["policy_head", "value_head", "log_std"])
    assert trained_by(agent.policy.optimizer) == {id(p) for p in heads}
    assert not agent.policy.optimizer.state


def test_reset_parts_are_fresh_and_the_same_for_a_seed(source: dict[str, torch.Tensor]) -> None:
    plan = TransferPlan({**CARRIED, "policy_head": "reset", "value_head": "reset"}, (Phase("heads", HEADS),))
    agent = make(1)
    fresh = parts.digests(agent.policy)
    agent.learn(8 * 8)
    loaded = agent.apply_plan(plan, source)
    after = parts.digests(agent.policy)
    assert {name.split(".")[0] for name in loaded} == {"encoder", "log_std"}
    assert after["policy_head"] == fresh["policy_head"]
    assert after["value_head"] == fresh["value_head"]  # its unit, too
    assert after["encoder"] == parts.digests(_loaded(source).policy)["encoder"]


def test_stop_rule_by_explained_variance() -> None:
    rule = ExplainedVariance(0.8, 100, 300)
    assert not rule.satisfied(0.99, 64)  # below the floor
    assert rule.satisfied(0.8, 100)
    assert not rule.satisfied(0.79, 299)
    assert not rule.satisfied(float("nan"), 299)
    assert rule.satisfied(float("-inf"), 300)  # the ceiling


def test_warm_up_ends_when_the_value_explains_the_returns(source: dict[str, torch.Tensor]) -> None:
    agent = make(1, learning_rate=1e-2, num_epochs=10)
    stop = ExplainedVariance(0.2, 0, 100_000)
    agent.apply_plan(
        TransferPlan(CARRIED, (Phase("warm", {"value_head": 1.0}, stop=stop), Phase("heads", HEADS))), source
    )
    watch = Watch()
    agent.learn(8 * 8 * 40, callback=watch)
    lengths = [name for name, _ in watch.rows].count("warm")
    assert 1 <= lengths < 40
    assert agent.phase is not None
    assert agent.phase.name == "heads"


def test_phase_budgets_are_met_exactly(source: dict[str, torch.Tensor]) -> None:
    plan = TransferPlan(CARRIED, (Phase("a", {"value_head": 1.0}, budget=88), Phase("b", HEADS, budget=40)))
    agent, watch = make(1), Watch()
    agent.apply_plan(plan, source)
    agent.learn(8 * 8 * 10, callback=watch)
    assert agent.num_timesteps == 128  # the plan is over, and with it the training
    assert [name for name, _ in watch.rows] == ["a", "a", "b", ""]
    with pytest.raises(PlanError, match="all its phases are over"):
        agent.learn(64)


def test_a_budget_the_worlds_cannot_take(source: dict[str, torch.Tensor]) -> None:
    plan = TransferPlan(CARRIED, (Phase("a", {"value_head": 1.0}, budget=90), Phase("b", HEADS)))
    with pytest.raises(PlanError, match=r"phase 'a': 8 worlds cannot take exactly 90 steps; nearest: 88 and 96"):
        make().apply_plan(plan, source)


def test_zero_shot_trains_nothing(source: dict[str, torch.Tensor]) -> None:
    agent = make(1)
    agent.apply_plan(TransferPlan(dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), "freeze")), source)
    with pytest.raises(PlanError, match=r"no phases \(zero-shot\)"):
        agent.learn(64)
    assert parts.digests(agent.policy) == parts.digests(_loaded(source).policy)
    assert agent.phase is None


@pytest.mark.parametrize("tensor", ["encoder.layers.0.weight", "encoder.normalizer.mean"])
def test_a_frozen_part_that_moves_is_found_out(source: dict[str, torch.Tensor], tensor: str) -> None:
    class Meddle(BaseCallback):
        def _on_step(self) -> bool:
            assert isinstance(self.model, PPO)
            with torch.no_grad():
                parts.references(self.model.policy)[tensor].flatten()[0] += 1e-6
            return True

    agent = make(1)
    agent.apply_plan(FROZEN_ENCODER, source)
    with pytest.raises(FrozenError, match=f"in phase 'critic_warm_up', {re.escape(tensor.rpartition('.')[0])} moved"):
        agent.learn(8 * 8 * 4, callback=Meddle())


def test_a_waiting_part_that_moves_is_found_out_at_the_end_of_training(source: dict[str, torch.Tensor]) -> None:
    agent = make(1)
    agent.apply_plan(TransferPlan(CARRIED, (Phase("value", {"value_head": 1.0}),)), source)

    class Meddle(BaseCallback):
        def _on_step(self) -> bool:
            with torch.no_grad():
                agent.policy.log_std[0] += 1e-6
            return True

    with pytest.raises(FrozenError, match=r"log_std\.value moved"):
        agent.learn(8 * 8, callback=Meddle())


def test_value_statistics_learn_only_while_the_value_head_trains(source: dict[str, torch.Tensor]) -> None:
    agent = make(1)
    agent.apply_plan(TransferPlan(CARRIED, (Phase("policy", {"policy_head": 1.0, "log_std": 1.0}),)), source)
    before = agent.policy.return_scale.seen
    agent.learn(8 * 8 * 2)
    assert agent.policy.return_scale.seen == before == 8 * 8 * 3


def test_plans_survive_as_json() -> None:
    for plan in (FROZEN_ENCODER, pretrain_plan(), TransferPlan({"encoder": "keep"})):
        assert TransferPlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    broken = FROZEN_ENCODER.to_json()
    broken["phases"][0]["stop"]["rule"] = "gut_feeling"
    with pytest.raises(PlanError, match="unknown stop rule 'gut_feeling'; valid: explained_variance"):
        TransferPlan.from_json(broken)
    with pytest.raises(PlanError, match="not a plan: KeyError"):
        TransferPlan.from_json({"parts": {}})


def test_table_tells_what_becomes_of_every_part() -> None:
    policy = make().policy
    rows = {row.part: row for row in FROZEN_ENCODER.table(policy)}
    assert list(rows) == ["encoder", "policy_head", "value_head", "log_std"]
    assert {part: row.action for part, row in rows.items()} == {
        "encoder": "frozen",
        "policy_head": "kept",
        "value_head": "kept",
        "log_std": "kept",
    }
    assert rows["encoder"].parameters == 5 * 8 + 8 + 16
    assert rows["encoder"].rates == {"critic_warm_up": None, "heads": None}
    assert rows["policy_head"].rates == {"critic_warm_up": None, "heads": 1.0}


def test_a_separate_value_encoder_follows_the_encoder(source: dict[str, torch.Tensor]) -> None:
    agent = make(shared_encoder=False)
    rows = {row.part: row for row in FROZEN_ENCODER.table(agent.policy)}
    assert rows["value_encoder"].action == "frozen"
    kept = TransferPlan({**CARRIED, "encoder": "keep"}, (Phase("all", {**HEADS, "encoder": 0.5}),))
    assert {row.part: row.rates["all"] for row in kept.table(agent.policy)}["value_encoder"] == 0.5
    with pytest.raises(PartsError, match=r"missing: value_encoder\."):
        agent.apply_plan(FROZEN_ENCODER, source)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: TransferPlan({"encodr": "keep"}),
            "unknown part 'encodr' .did you mean 'encoder'.*valid: adapters, critic",
        ),
        (lambda: TransferPlan({"encoder": "melt"}), "unknown action 'melt'.*valid: freeze, keep, reset"),
        (lambda: TransferPlan(CARRIED, (Phase("p", ALL),)), "part 'encoder' is frozen, but phase 'p' trains it"),
        (lambda: TransferPlan(CARRIED, (Phase("p", HEADS), Phase("q", HEADS))), "phase 'p' never ends"),
        (lambda: TransferPlan(CARRIED, (Phase("p", HEADS, 8), Phase("p", HEADS))), "a name of its own"),
        (lambda: Phase("p", {"head": 1.0}), "unknown part 'head'"),
        (lambda: Phase("p", {"encoder": 0.0}), "scale of encoder is 0.0"),
        (lambda: Phase("p", HEADS, 0), "budget is 0 steps"),
        (lambda: ExplainedVariance(1.5, 0, 10), "threshold is 1.5"),
        (lambda: ExplainedVariance(0.5, 20, 10), "min_steps 20, max_steps 10"),
    ],
)
def test_plans_that_contradict_themselves(build: Any, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        build()


def test_plans_that_do_not_fit_the_policy(source: dict[str, torch.Tensor]) -> None:
    with pytest.raises(PlanError, match=r"does not say what becomes of 'value_head\.hidden\.0'"):
        make().apply_plan(TransferPlan({"encoder": "keep", "policy_head": "keep", "log_std": "keep"}), source)
    with pytest.raises(PlanError, match="carries encoder, policy_head, value_head, log_std over: it needs the tensors"):
        make().apply_plan(FROZEN_ENCODER)
    with pytest.raises(PlanError, match=r"phase 'p': unknown unit 'encoder\.layers\.9' .did you mean"):
        make().apply_plan(TransferPlan(dict.fromkeys(PARTS, "reset"), (Phase("p", {"encoder.layers.9": 1.0}),)))
    with pytest.raises(PlanError, match=r"phase 'p' trains \['critic'\], which are empty in this policy"):
        make().apply_plan(TransferPlan(dict.fromkeys(PARTS, "reset"), (Phase("p", {"critic": 1.0}),)))


def test_a_failed_plan_changes_nothing(source: dict[str, torch.Tensor]) -> None:
    agent = make(1)
    before = parts.digests(agent.policy)
    short = {name: tensor for name, tensor in source.items() if name != "log_std.value"}
    with pytest.raises(PartsError, match=r"missing: log_std\.value"):
        agent.apply_plan(FROZEN_ENCODER, short)
    assert parts.digests(agent.policy) == before
    assert agent.plan == pretrain_plan()
    agent.learn(8 * 8)
    assert np.isfinite(agent.rollout_buffer.returns).all()


def test_a_layer_of_the_encoder_trains_alone(source: dict[str, torch.Tensor]) -> None:
    agent = make(1)
    plan = TransferPlan({**CARRIED, "encoder": "keep"}, (Phase("top", {**HEADS, "encoder.layers.0": 0.1}),))
    agent.apply_plan(plan, source)
    rows = {row.part: row for row in plan.table(agent.policy)}
    assert {unit: rows[unit].rates["top"] for unit in rows if unit.startswith("encoder")} == {
        "encoder.normalizer": None,
        "encoder.layers.0": 0.1,
        "encoder.layers.1": None,
    }
    before = parts.digests(agent.policy, parts.unit_names(agent.policy))
    agent.learn(8 * 8 * 2)
    after = parts.digests(agent.policy, parts.unit_names(agent.policy))
    still = {"encoder.normalizer", "encoder.layers.1"}
    assert {unit for unit in before if before[unit] == after[unit]} == still


def test_a_frozen_layer_stays_in_a_phase_that_trains_what_it_lies_in(source: dict[str, torch.Tensor]) -> None:
    agent = make(1)
    kept = dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), "keep")
    plan = TransferPlan({**kept, "encoder.layers.0": "freeze"}, (Phase("all", {**HEADS, "encoder": 1.0}),))
    agent.apply_plan(plan, source)
    before = parts.digests(agent.policy, ["encoder.layers.0", "encoder.layers.1"])
    agent.learn(8 * 8 * 2)
    after = parts.digests(agent.policy, ["encoder.layers.0", "encoder.layers.1"])
    assert after["encoder.layers.0"] == before["encoder.layers.0"]
    assert after["encoder.layers.1"] != before["encoder.layers.1"]


def test_statistics_alone_can_train(source: dict[str, torch.Tensor]) -> None:
    agent = make(1)
    kept = dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), "keep")
    agent.apply_plan(TransferPlan(kept, (Phase("statistics", {"encoder.normalizer": 1.0}),)), source)
    before = parts.digests(agent.policy, parts.unit_names(agent.policy))
    count = agent.policy.encoder.normalizer.seen
    agent.learn(8 * 8 * 2)
    after = parts.digests(agent.policy, parts.unit_names(agent.policy))
    assert {unit for unit in before if before[unit] != after[unit]} == {"encoder.normalizer"}
    assert agent.policy.encoder.normalizer.seen == count + 8 * 8 * 2


def test_a_phase_that_trains_nothing_only_counts_its_steps(source: dict[str, torch.Tensor]) -> None:
    agent = make(1)
    agent.apply_plan(TransferPlan(CARRIED, (Phase("look", {}, budget=64), Phase("heads", HEADS))), source)
    before = parts.digests(agent.policy)
    agent.learn(64)
    assert parts.digests(agent.policy) == before
    assert agent.phase is not None
    assert agent.phase.name == "heads"


def test_a_plan_that_says_nothing_of_it_raises_exploration_and_measures_the_unit_anew() -> None:
    plan = TransferPlan(CARRIED, (Phase("heads", HEADS),))
    assert plan.exploration == Exploration(std=0.2, temperature=0.01, share=0.5)
    assert plan.reset_return_scale
    without = TransferPlan(CARRIED, (Phase("heads", HEADS),), exploration=None)
    assert TransferPlan.from_json(without.to_json()) == without


def test_exploration_is_raised_to_a_sinking_floor(source: dict[str, torch.Tensor]) -> None:
    quiet = {**source, "log_std.value": torch.full_like(source["log_std.value"], -4.0)}
    plan = TransferPlan(CARRIED, (Phase("heads", HEADS),), exploration=Exploration(std=0.5, share=0.5))
    agent = make(1, learning_rate=1e-9)
    agent.apply_plan(plan, quiet)
    assert torch.allclose(agent.policy.log_std.exp(), torch.tensor(0.5))
    agent.learn(8 * 8 * 4)
    assert torch.allclose(agent.policy.log_std.exp(), torch.tensor(0.5))  # a floor lifts, it does not press down
    loud = make(1)
    loud.apply_plan(plan, {**source, "log_std.value": torch.full_like(source["log_std.value"], 0.5)})
    assert torch.equal(loud.policy.log_std, torch.full((2,), 0.5))
    assert plan.exploration is not None
    assert plan.exploration.log_floor("log_std", 0.25) == pytest.approx(np.log(0.25))
    assert plan.exploration.log_floor("log_std", 0.5) == -np.inf


def test_the_unit_of_values_is_measured_anew_and_values_stay(source: dict[str, torch.Tensor]) -> None:
    scaled = {**source, "value_head.return_scale.var": source["value_head.return_scale.var"] * 100.0}
    plan = TransferPlan(CARRIED, (Phase("value", {"value_head": 1.0}),), reset_return_scale=True)
    agent = make(1, learning_rate=1e-12)
    agent.apply_plan(plan, scaled)
    obs = torch.randn((16, 5), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = agent.policy.predict_values(obs) * agent.policy.return_scale.std
    old = agent.policy.return_scale.std
    agent.learn(8 * 8)
    assert agent.policy.return_scale.seen == 8 * 8
    assert agent.policy.return_scale.std < 0.5 * old
    with torch.no_grad():
        after = agent.policy.predict_values(obs) * agent.policy.return_scale.std
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)
    state = agent.get_training_state()[1]
    assert state["own"] == {"scale_is_old": False}


def test_the_unit_of_values_stays_where_what_it_scales_is_frozen(source: dict[str, torch.Tensor]) -> None:
    kept = {**CARRIED, "value_head.output": "freeze"}
    agent = make(1)
    agent.apply_plan(TransferPlan(kept, (Phase("value", {"value_head": 1.0}),)), source)
    agent.learn(8 * 8 * 2)
    assert agent.policy.return_scale.seen == float(source["value_head.return_scale.count"]) + 8 * 8 * 2
    for name in ("value_head.output.weight", "value_head.output.bias"):
        assert torch.equal(parts.tensors(agent.policy)[name], source[name])


def test_a_plan_on_disk_has_the_defaults_where_it_says_nothing() -> None:
    said = {name: value for name, value in FROZEN_ENCODER.to_json().items() if name in ("parts", "phases")}
    assert TransferPlan.from_json(said) == FROZEN_ENCODER
    assert TransferPlan.from_json({**said, "exploration": {}}).exploration == Exploration()
    assert TransferPlan.from_json({**said, "exploration": None}).exploration is None


def test_the_sources_statistics_may_weigh_less(source: dict[str, torch.Tensor]) -> None:
    kept = dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), "keep")
    agent = make(1)
    agent.apply_plan(TransferPlan(kept, (Phase("s", {"encoder.normalizer": 1.0}),), statistics_weight=0.25), source)
    seen = float(source["encoder.normalizer.count"].max())
    assert agent.policy.encoder.normalizer.seen == 0.25 * seen
    assert torch.equal(agent.policy.encoder.normalizer.mean, source["encoder.normalizer.mean"])
    agent.learn(8 * 8)
    collected = torch.from_numpy(agent.rollout_buffer.observations.reshape(-1, 5)).double().mean(dim=0)
    expected = (0.25 * seen * source["encoder.normalizer.mean"] + 64 * collected) / (0.25 * seen + 64)
    torch.testing.assert_close(agent.policy.encoder.normalizer.mean, expected)
    frozen = make(1)
    frozen.apply_plan(TransferPlan(CARRIED, (Phase("heads", HEADS),), statistics_weight=0.25), source)
    assert frozen.policy.encoder.normalizer.seen == seen
    with pytest.raises(PlanError, match=r"statistics_weight is 0: it must lie in \(0, 1\]"):
        TransferPlan(CARRIED, statistics_weight=0)


def test_which_pattern_counts_does_not_depend_on_their_order() -> None:
    rates = {"encoder.layers.0": 0.5, "encoder.layers.*": 0.1, "enco*": 0.2, "*": 1.0}
    for order in (rates, dict(reversed(rates.items())), dict(sorted(rates.items()))):
        phase = Phase("p", order)
        found = {unit: phase.rate(unit) for unit in ("encoder.layers.0", "encoder.layers.1", "encoder.normalizer")}
        assert found == {"encoder.layers.0": 0.5, "encoder.layers.1": 0.1, "encoder.normalizer": 0.2}
        assert phase.rate("log_std.value") == 1.0
    one, other = ({"encoder.layers.?": "keep", "encoder.layers.*": "freeze"}, {})
    other = dict(reversed(one.items()))
    assert TransferPlan(one).action("encoder.layers.3") == TransferPlan(other).action("encoder.layers.3")


def test_a_plan_of_globs_says_the_same_to_every_learner() -> None:
    kept = dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), "keep")
    plan = TransferPlan(
        {**kept, "encoder.normalizer": "freeze"},
        (Phase("critic", {"value_head": 1.0}, budget=64), Phase("all", {"*": 1.0, "encoder": 0.1})),
    )
    for cls in (PPO, SAC):
        policy = cls(LinearWorld(8), {"encoder": {"widths": [8]}}, device="cpu").policy
        for row in plan.table(policy):
            part = row.part.split(".")[0]
            wanted = {"critic": 1.0 if part in ("value_head", "critic", "critic_target") else None, "all": 1.0}
            if part in ("encoder", "encoder_target"):
                wanted["all"] = None if row.part.endswith("normalizer") else 0.1
            assert row.rates == wanted, row
            assert row.action == ("frozen" if row.part.endswith("normalizer") else "kept")


def test_counterparts_follow_what_is_spelt_out_not_a_wildcard() -> None:
    plan = TransferPlan({"*": "keep", "critic": "reset"})
    assert [plan.action(part) for part in ("critic.0", "critic_target.0", "policy_head", "encoder")] == [
        "reset",
        "reset",
        "keep",
        "keep",
    ]
    written_for_ppo = TransferPlan({"*": "keep", "value_head": "reset", "log_std": "freeze"})
    assert [written_for_ppo.action(part) for part in ("critic", "critic_target", "temperature")] == [
        "reset",
        "reset",
        "freeze",
    ]
    own = TransferPlan({"critic": "keep", "critic_target": "freeze", "value_head.output": "reset"})
    assert own.action("critic_target.output") == "freeze"


def test_the_floor_holds_while_collecting(source: dict[str, torch.Tensor]) -> None:
    class Noise(BaseCallback):
        stds: list[float] = []
        floors: list[float] = []

        def _on_step(self) -> bool:
            assert isinstance(self.model, PPO)
            plan = self.model.plan
            assert plan.exploration is not None
            done = 1.0 - self.model._current_progress_remaining
            self.floors.append(float(np.exp(plan.exploration.log_floor("log_std", done))))
            self.stds.append(float(self.model.policy.log_std.detach().exp().min()))
            return True

    noise = Noise()
    agent = make(1, learning_rate=2e-2)
    exploration = Exploration(std=0.6, share=1.0)
    agent.apply_plan(TransferPlan(CARRIED, (Phase("heads", HEADS),), exploration=exploration), source)
    agent.learn(8 * 8 * 20, callback=noise)
    assert all(std >= floor - 1e-6 for std, floor in zip(noise.stds, noise.floors, strict=True))
    assert noise.floors[0] == pytest.approx(0.6)
    assert noise.floors[-1] < 0.04


@pytest.mark.parametrize("switch", ["fresh_optimizer", "restart_schedule"])
def test_a_plan_of_earlier_versions_is_read_unless_it_asks_for_what_is_gone(switch: str) -> None:
    assert TransferPlan.from_json({**FROZEN_ENCODER.to_json(), switch: True}) == FROZEN_ENCODER
    with pytest.raises(PlanError, match=f"{switch} is false: plans no longer"):
        TransferPlan.from_json({**FROZEN_ENCODER.to_json(), switch: False})


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Phase("p", {"encoder": "x"}), "scale of encoder is 'x'"),  # type: ignore[dict-item]
        (lambda: Phase("p", HEADS, budget="5"), "budget is '5' steps"),  # type: ignore[arg-type]
        (lambda: Phase("p", HEADS, budget=2.5), "budget is 2.5 steps"),  # type: ignore[arg-type]
        (lambda: ExplainedVariance("a", 1, 2), "threshold is 'a'"),  # type: ignore[arg-type]
        (lambda: ExplainedVariance(0.5, "1", 2), "min_steps '1'"),  # type: ignore[arg-type]
        (lambda: TransferPlan(CARRIED, reset_return_scale="no"), "reset_return_scale is 'no'"),  # type: ignore[arg-type]
    ],
)
def test_values_of_the_wrong_kind_are_one_message(build: Any, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        build()
