"""Methods made of phases: which units train when, at which rates, for how long; and what an oracle may spend."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from probes import SMALL, LinearWorld
from small_runs import silent, small_config
from stable_baselines3.common.callbacks import BaseCallback

from agents import PPO, Bundle, TransferPlan, parts
from envs import Domain
from sim2real.config.config import load_config
from sim2real.methods import METHODS, Target
from sim2real.methods.layers import encoder_from_the_top, stack_layers
from sim2real.methods.warm_up import critic_warm_up
from sim2real.runs.building import target_learner
from sim2real.runs.pretraining import pretrain
from sim2real.runs.run import RunDirectory
from sim2real.transfer.transfer import Transfer, transfer

torch.set_num_threads(1)  # networks this small are slower on more

DEEP: dict[str, Any] = {**SMALL, "encoder": {"widths": [8, 7, 6]}, "policy_head": [8, 5]}
HEADS = {"policy_head.hidden.0", "policy_head.hidden.2", "policy_head.output", "log_std.value"}
VALUE = {"value_head.hidden.0", "value_head.output", "value_head.return_scale"}
BOTTOM, MIDDLE, TOP = ({f"encoder.layers.{n}", f"encoder.layers.{n + 1}"} for n in (0, 3, 6))
STATISTICS = {"encoder.normalizer"}
TARGET = Target("linear", "shifted", Domain(), 64 * 20, 8)


def deep(seed: int = 0, **settings: Any) -> PPO:
    return PPO(LinearWorld(8, seed=seed), {**DEEP, **settings}, seed=seed, device="cpu")


def bundle_of(agent: PPO) -> Bundle:
    return Bundle(parts.tensors(agent.policy), {}, {}, "")


@pytest.fixture(scope="module")
def source() -> Bundle:
    return bundle_of(deep().learn(64 * 3))


class Watch(BaseCallback):
    """Notes the units that move in each phase."""

    def __init__(self) -> None:
        super().__init__()
        self.moved: dict[str, set[str]] = {}
        self.steps: dict[str, int] = {}
        self._before: dict[str, str] = {}
        self._phase = ""

    def _on_rollout_start(self) -> None:
        assert isinstance(self.model, PPO)
        policy = self.model.policy
        now = parts.digests(policy, parts.unit_names(policy))
        if self._before:
            moved = {unit for unit, digest in now.items() if self._before[unit] != digest}
            self.moved[self._phase] = self.moved.get(self._phase, set()) | moved
            self.steps[self._phase] = self.steps.get(self._phase, 0) + self.model.rollout_buffer.values.size
        self._before = now
        self._phase = self.model.phase.name if self.model.phase else ""

    def _on_training_end(self) -> None:
        self._on_rollout_start()

    def _on_step(self) -> bool:
        return True


def watched(method: str, source: Bundle, **settings: Any) -> tuple[Watch, PPO]:
    """Carry out a method's plan on linear worlds; all phases at a rate at which every unit moves."""
    agent, watch = deep(1, **settings), Watch()
    agent.apply_plan(METHODS[method].plan(source, TARGET), source.weights, LinearWorld(8, seed=4))
    agent.learn(TARGET.steps, callback=watch)
    return watch, agent


def test_gradual_unfreeze_trains_what_each_phase_says(source: Bundle) -> None:
    watch, _ = watched("gradual_unfreeze", source)
    assert watch.moved == {
        "critic_warm_up": VALUE,
        "heads": HEADS | VALUE,
        "unfreeze_1": HEADS | VALUE | TOP,
        "unfreeze_2": HEADS | VALUE | TOP | MIDDLE,
        "unfreeze_3": HEADS | VALUE | TOP | MIDDLE | BOTTOM | STATISTICS,
    }
    assert sum(watch.steps.values()) == TARGET.steps
    assert all(watch.steps[name] == 256 for name in ("heads", "unfreeze_1", "unfreeze_2"))  # (1280 - 256) / 4
    assert watch.steps["unfreeze_3"] >= 256
    plan = METHODS["gradual_unfreeze"].plan(source, TARGET)
    for phase in plan.phases[1:]:
        assert {plan.rate(phase, unit) for unit in HEADS | VALUE} == {1.0}
    last = plan.phases[-1]
    assert {plan.rate(last, unit) for unit in TOP | MIDDLE | BOTTOM} == {0.1}


@pytest.mark.parametrize("steps", [8, 40, 1000, 1024, 100_000])
def test_the_phases_of_gradual_unfreeze_are_whole_steps_of_all_worlds(source: Bundle, steps: int) -> None:
    plan = METHODS["gradual_unfreeze"].plan(source, replace(TARGET, steps=steps))
    budgets = [phase.budget for phase in plan.phases]
    assert budgets[0] is budgets[-1] is None
    assert len(set(budgets[1:-1])) == 1
    assert all(budget is not None and budget % 8 == 0 and budget >= 8 for budget in budgets[1:-1])
    agent = deep(1)
    agent.apply_plan(plan, source.weights)  # does not complain
    if steps >= 1000:
        ceiling = plan.phases[0].most_steps
        assert ceiling is not None
        assert 0.95 * steps / 5 <= steps - ceiling - sum(budget or 0 for budget in budgets) <= 1.1 * steps / 5


def test_layerwise_rates_fall_by_a_constant_factor_towards_the_input(source: Bundle) -> None:
    plan = METHODS["layerwise_lr"].plan(source, TARGET)
    phase = plan.phases[-1]
    downwards = [{"policy_head.output"}, {"policy_head.hidden.2"}, {"policy_head.hidden.0"}, TOP, MIDDLE, BOTTOM]
    for depth, units in enumerate(downwards):
        for unit in units:
            assert plan.rate(phase, unit) == pytest.approx(2.6**-depth), unit
    assert {plan.rate(phase, unit) for unit in VALUE | {"log_std.value"}} == {1.0}
    agent = deep(1, learning_rate=1e-3)
    agent.apply_plan(plan, source.weights)
    while agent.phase is not phase and agent.phase != phase:
        agent.learn(64, reset_num_timesteps=False)
    rates: dict[int, float] = {}
    for group in agent.policy.optimizer.param_groups:
        rates |= {id(parameter): group["lr"] for parameter in group["params"]}
    weight = parts.references(agent.policy)["encoder.layers.0.weight"]
    assert rates[id(weight)] == pytest.approx(1e-3 * 2.6**-5)
    assert len(set(rates.values())) == 6


def test_layers_are_read_from_the_names_of_tensors(source: Bundle) -> None:
    assert [set(layer) for layer in stack_layers(source, "encoder.layers")] == [BOTTOM, MIDDLE, TOP]
    assert stack_layers(source, "policy_head.hidden") == [("policy_head.hidden.0",), ("policy_head.hidden.2",)]
    assert [set(layer) for layer in encoder_from_the_top(source)] == [TOP, MIDDLE, {"encoder"}]
    plain = bundle_of(deep(encoder={"widths": [8] * 12, "layer_norm": False}))
    assert stack_layers(plain, "encoder.layers")[2:6] == [
        (f"encoder.layers.{n}",) for n in (4, 6, 8, 10)
    ]  # no "10" < "4"
    bare = bundle_of(deep(encoder={"widths": []}))
    assert encoder_from_the_top(bare) == [("encoder",)]
    remembering = bundle_of(deep(encoder={"kind": "history", "length": 3, "widths": [6]}))
    assert encoder_from_the_top(remembering) == [("encoder.layers.0", "encoder.layers.1"), ("encoder",)]


def test_gradual_unfreeze_of_a_memory_comes_to_the_memory_last() -> None:
    encoder = {"kind": "history", "length": 3, "widths": [6]}
    source = bundle_of(deep(encoder=encoder))
    watch, _ = watched("gradual_unfreeze", source, encoder=encoder)
    layers = {"encoder.layers.0", "encoder.layers.1"}
    assert watch.moved["heads"] == HEADS | VALUE
    assert watch.moved["unfreeze_1"] == HEADS | VALUE | layers
    assert watch.moved["unfreeze_2"] == HEADS | VALUE | layers | STATISTICS | {"encoder.memory.gru"}


def test_recalibrate_moves_the_statistics_and_nothing_else(source: Bundle) -> None:
    watch, agent = watched("recalibrate", source)
    assert watch.moved == {"statistics": STATISTICS}
    seen = min(64 * 3, 0.1 * TARGET.steps)  # the source counts for a tenth of the budget at most
    assert agent.policy.encoder.normalizer.seen == pytest.approx(seen + TARGET.steps)
    two, _ = watched("recalibrate", bundle_of(deep(shared_encoder=False).learn(64)), shared_encoder=False)
    assert two.moved == {"statistics": STATISTICS | {"value_encoder.normalizer"}}


@pytest.mark.parametrize("method", ["l2_sp", "kl_source", "ewc"])
def test_methods_that_stay_near_do_so_after_the_warm_up(
    method: str, source: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim2real.methods.ewc.SOURCE_STEPS", 64)
    watch, _ = watched(method, source)
    everything = HEADS | VALUE | TOP | MIDDLE | BOTTOM | STATISTICS
    assert watch.moved == {"critic_warm_up": VALUE, "fine_tune": everything}
    plan = METHODS[method].plan(source, TARGET)
    assert [len(phase.regularisers) for phase in plan.phases] == [0, 1]
    near, far = (distance(watched_plan(plan_of(plan, weight), source), source) for weight in (100.0, 1e-9))
    assert near < 0.5 * far


def plan_of(plan: TransferPlan, weight: float) -> TransferPlan:
    """Return the plan with another weight before its regulariser, and no annealing of it."""
    last = plan.phases[-1]
    row = last.regularisers[0]
    options = {**row.options, "share": 1.0} if row.kind == "kl_source" else row.options
    tuned = replace(last, regularisers=(replace(row, weight=weight, options=options),))
    return replace(plan, phases=(*plan.phases[:-1], tuned))


def watched_plan(plan: TransferPlan, source: Bundle) -> PPO:
    agent = deep(1, num_epochs=5)
    agent.apply_plan(plan, source.weights, LinearWorld(8, seed=4))
    return agent.learn(TARGET.steps)


def distance(agent: PPO, source: Bundle) -> float:
    """Return how far the mean action has moved from the source policy's on fixed normalised observations."""
    obs = torch.randn((100, 5), generator=torch.Generator().manual_seed(0))
    before = deep()
    parts.load(before.policy, source.weights)
    with torch.no_grad():
        means = [p.action_mean(p.encoder.encode(obs)) for p in (agent.policy, before.policy)]
    return float((means[0] - means[1]).square().mean())


@pytest.mark.parametrize("method", METHODS)
def test_methods_that_keep_the_policy_warm_the_critic_up_by_the_same_phase(method: str, source: Bundle) -> None:
    if method in ("zero_shot", "scratch", "oracle", "recalibrate", "feature_extraction", "fine_tune"):
        assert "critic_warm_up" not in {phase.name for phase in METHODS[method].plan(source, TARGET).phases}
    elif method in ("frozen_encoder", "gradual_unfreeze", "layerwise_lr", "l2_sp", "kl_source", "ewc"):
        assert METHODS[method].plan(source, TARGET).phases[0] == critic_warm_up(TARGET)


def test_only_the_oracle_has_another_budget() -> None:
    assert [name for name, row in METHODS.items() if row.budget == "source"] == ["oracle"]
    assert not METHODS["oracle"].needs_source


def test_an_oracle_learns_on_the_target_as_the_source_agent_did_in_the_source(tmp_path: Path) -> None:
    """1,536 steps of the source's eight worlds in its rollouts, whatever the other methods have on the target."""
    transfer_settings = {"num_envs": 5, "settings": {"num_steps": 16, "batch_size": 32, "learning_rate": 0.5}}
    budget = {**small_config().budget.model_dump(), "target_steps": 500, "eval_episodes": 1}
    config = small_config(transfer=transfer_settings, budget=budget)
    assert target_learner(config, "scratch").settings["learning_rate"] == 0.5
    assert target_learner(config, "scratch").num_envs == 5
    assert target_learner(config, "oracle") == config.agent
    job = Transfer(config, None, "heavy", "oracle")
    run = transfer(job, tmp_path / "run", resume=False, num_threads=1, report=silent, show_plan=lambda rows: None)
    ledger, curve = run.ledger(), run.curve()
    assert ledger["steps"] == 1536
    assert curve[-1]["step"] == 1536
    assert len(curve) == 1 + budget["evaluations"]
    assert ledger["source_steps"] == 0


@pytest.mark.thorough
def test_ewc_counts_source_steps_apart_and_continues_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim2real.methods.ewc.SOURCE_STEPS", 60)
    source = pretrain(small_config(), tmp_path / "source", resume=False, num_threads=1, report=silent)
    job = Transfer(small_config(), source, "heavy", "ewc")

    def carry_out(out: str, resume: bool, report: Any = silent) -> RunDirectory:
        return transfer(job, tmp_path / out, resume=resume, num_threads=1, report=report, show_plan=lambda rows: None)

    class Killed(BaseException):
        """Stands for SIGKILL."""

    def die(done: int, total: int, text: str) -> None:
        if done >= 640:
            raise Killed

    whole = carry_out("whole", resume=False)
    ledger = whole.ledger()
    assert (ledger["steps"], ledger["source_steps"]) == (1024, 64)  # eight worlds: 60 rounded up
    with pytest.raises(Killed):
        carry_out("killed", resume=False, report=die)
    again = carry_out("killed", resume=True)
    assert again.final().digest == whole.final().digest
    assert again.ledger()["source_steps"] == 64
    np.testing.assert_equal([p["return"] for p in again.curve()], [p["return"] for p in whole.curve()])


def test_no_learner_acts_at_random_on_the_target_unless_transfer_says_so() -> None:
    config = load_config(Path("hopper_sac"))
    assert config.agent.settings["random_start"] == 4000
    own = config.transfer.model_copy(update={"settings": {}})
    silent = config.model_copy(update={"transfer": own})
    asked = config.model_copy(update={"transfer": own.model_copy(update={"settings": {"random_start": 80}})})
    for method in ("oracle", "scratch", "fine_tune"):
        assert target_learner(silent, method).settings["random_start"] == 0
        assert target_learner(asked, method).settings["random_start"] == 80
