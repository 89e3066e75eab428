"""An average of policies acts: it is what the formula says, changes nothing else, and goes where the agent goes."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from probes import SMALL, LinearWorld
from small_runs import SAC as SAC_RUN
from small_runs import silent, small_config
from stable_baselines3.common.callbacks import BaseCallback

from agents import (
    PPO,
    EntryMap,
    PartsError,
    Phase,
    PlanError,
    PolicyAverage,
    Surgery,
    TransferPlan,
    acting_tensors,
    carry_entries,
    entry_axes,
    parts,
)
from agents.sac import SAC
from envs import Domain
from sim2real.config.space_map import SpaceMap
from sim2real.methods import METHODS, Target
from sim2real.runs.pretraining import pretrain
from sim2real.transfer.transfer import Transfer, transfer
from tests.agents.sac.test_sac_plans import FROZEN as KEEP
from tests.agents.sac.test_sac_plans import HEADS, TINY, begun

torch.set_num_threads(1)  # networks this small are slower on more

WARM_UP, LEARN = Phase("warm_up", {"value_head": 1.0}, budget=8 * 10), Phase("heads", HEADS)
HORIZON = 100
PLAN = TransferPlan(KEEP, (WARM_UP, LEARN), average=PolicyAverage(HORIZON))


@pytest.fixture(scope="module")
def source() -> dict[str, torch.Tensor]:
    return parts.tensors(SAC(LinearWorld(8), TINY, seed=0, device="cpu").learn(8 * 40).policy)


def heads(tensors: dict[str, torch.Tensor], part: str) -> list[torch.Tensor]:
    """Return the tensors of a policy head or its average, in the order of their names."""
    return [tensor for name, tensor in sorted(tensors.items()) if name.startswith(f"{part}.")]


def actions(agent: SAC, obs: np.ndarray) -> np.ndarray:
    return agent.make_actor(len(obs)).act(obs, np.ones(len(obs), np.bool_))


def test_the_weight_of_a_step_in_closed_form() -> None:
    average = PolicyAverage(HORIZON)
    assert average.weight(HORIZON) == pytest.approx(1.0 - math.exp(-1.0), rel=1e-12)
    left = 1.0
    for _ in range(25):
        left *= 1.0 - average.weight(4)
    assert left == pytest.approx(1.0 - average.weight(HORIZON), rel=1e-12)  # however it is cut into steps


def test_it_is_the_average_of_the_heads_along_the_way(source: dict[str, torch.Tensor]) -> None:
    """From the source's head on, d(average)/dt = (head - average) / horizon, while the policy trains."""
    agent, seen = begun(PLAN, source), []

    class Spy(BaseCallback):
        def _on_rollout_start(self) -> None:
            weights = parts.tensors(self.model.policy)  # type: ignore[arg-type]
            seen.append((agent.phases.index, heads(weights, "policy_head"), heads(weights, "policy_average")))

        def _on_step(self) -> bool:
            return True

    agent.learn(8 * 30, callback=Spy())
    end = parts.tensors(agent.policy)
    seen.append((1, heads(end, "policy_head"), heads(end, "policy_average")))
    expected = heads(source, "policy_head")
    for (phase, _, _), (_, head, average) in pairwise(seen):
        weight = PolicyAverage(HORIZON).weight(8)
        expected = [a + weight * (h - a) if phase else a for a, h in zip(expected, head, strict=True)]
        torch.testing.assert_close(average, expected, rtol=1e-5, atol=1e-7)
        if phase == 0:
            assert all(map(torch.equal, average, heads(source, "policy_head")))
    assert all((a - h).abs().max() > 1e-4 for a, h in zip(average, head, strict=True))


def test_mean_actions_are_the_averages_and_drawn_ones_the_heads(source: dict[str, torch.Tensor]) -> None:
    agent = begun(PLAN, source)
    obs = np.random.default_rng(0).normal(3.0, 2.0, (16, 5)).astype(np.float32)
    plain = begun(replace(PLAN, average=None), source)
    assert np.array_equal(actions(agent, obs), actions(plain, obs))  # the source's, at first
    agent.learn(8 * 30)
    plain.learn(8 * 30)
    assert np.abs(actions(agent, obs) - actions(plain, obs)).max() > 1e-3
    ended = parts.tensors(agent.policy)
    one, two = parts.tensors(plain.policy), {n: t for n, t in ended.items() if not n.startswith("policy_average.")}
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)  # and nothing else differs: who acts does not train
    parts.load(plain.policy, acting_tensors(ended))
    assert np.array_equal(actions(agent, obs), actions(plain, obs))
    # predict and act are other sequences of float32 operations: equal to rounding, not bit for bit
    np.testing.assert_allclose(agent.predict(obs, deterministic=True)[0], actions(agent, obs), rtol=1e-5, atol=1e-6)


def test_whoever_begins_from_it_has_the_policy_that_acted(source: dict[str, torch.Tensor]) -> None:
    ended = parts.tensors(begun(PLAN, source).learn(8 * 30).policy)
    for plan in (TransferPlan(KEEP), PLAN):
        next_one = begun(plan, ended)
        weights = parts.tensors(next_one.policy)
        assert all(map(torch.equal, heads(weights, "policy_head"), heads(ended, "policy_average")))
        assert next_one.origin is not None
        assert not any(name.startswith("policy_average.") for name in next_one.source_tensors or {})
    assert acting_tensors(source) == source


def test_the_plan_shows_it_and_reads_it_back(source: dict[str, torch.Tensor]) -> None:
    agent = begun(PLAN, source)
    row = next(row for row in PLAN.table(agent.policy) if row.part == "policy_average")
    assert (row.action, row.rates) == ("kept", {"warm_up": None, "heads": 1.0})
    assert row.parameters == parts.count(agent.policy, "policy_head")
    assert TransferPlan.from_json(PLAN.to_json()) == PLAN
    older = {name: item for name, item in PLAN.to_json().items() if name != "average"}
    assert TransferPlan.from_json(older).average is None


def test_what_waits_of_the_head_waits_in_the_average(source: dict[str, torch.Tensor]) -> None:
    """A phase that trains a layer of the head: the average of that layer alone moves, the others' digests hold."""
    whole, top = Phase("all", HEADS, budget=8 * 15), Phase("top", {"policy_head.output": 1.0, "value_head": 1.0})
    ended = parts.tensors(begun(replace(PLAN, phases=(whole, top)), source).learn(8 * 30).policy)
    half = parts.tensors(begun(replace(PLAN, phases=(whole,)), source).learn(8 * 30).policy)
    moved = {name for name, tensor in ended.items() if not torch.equal(tensor, half[name])}
    assert {name for name in moved if name.startswith("policy_")} == {
        f"{part}.output.{name}" for part in ("policy_head", "policy_average") for name in ("weight", "bias")
    }


def test_entries_are_carried_from_the_average(source: dict[str, torch.Tensor]) -> None:
    """A map that turns observations and actions round turns the policy that acted, not the head that learnt."""
    ended = parts.tensors(begun(PLAN, source).learn(8 * 30).policy)
    fresh = SAC(LinearWorld(8), TINY, seed=3, device="cpu").policy
    turned = {
        "observation": EntryMap(5, 5, tuple((i, 4 - i) for i in range(5))),
        "action": EntryMap(2, 2, ((0, 1), (1, 0))),
    }
    carried = carry_entries(ended, parts.tensors(fresh), entry_axes(fresh), turned)
    assert not any(name.startswith("policy_average.") for name in carried)
    output = ended["policy_average.output.bias"]  # two means, two logs of standard deviations
    assert torch.equal(carried["policy_head.output.bias"], output[[1, 0, 3, 2]])
    with pytest.raises(PartsError, match=r"acts by its policy_average: load acting_tensors\(tensors\)"):
        parts.load(fresh, ended)


def test_what_cannot_be_is_refused(source: dict[str, torch.Tensor]) -> None:
    for horizon in (0, -1, 2.5, True, "all"):
        with pytest.raises(PlanError, match=r"average\.horizon is .* steps, it must be a whole number of at least 1"):
            PolicyAverage(horizon)  # type: ignore[arg-type]
    with pytest.raises(PlanError, match="a plan can have one of the two"):
        TransferPlan(KEEP, (LEARN,), Surgery("residual"), average=PolicyAverage(HORIZON))
    trains_all = Phase("all", {"encoder": 1.0, **HEADS})
    for plan, message in (
        (TransferPlan({**KEEP, "encoder": "keep"}, (trains_all,)), "phase 'all' trains the encoder that it reads"),
        (TransferPlan(KEEP), "average would have no effect: no phase trains the policy head"),
        (TransferPlan(KEEP, (WARM_UP,)), "average would have no effect"),
        (TransferPlan({**KEEP, "policy_average": "reset"}, (LEARN,)), "of both; name the head"),
        (TransferPlan({**KEEP, "policy_average": "freeze"}, (LEARN,)), "of both; name the head"),
        (
            TransferPlan(KEEP, (replace(LEARN, trains={**HEADS, "policy_average": 0.5}),)),
            "becomes of both; name the head",
        ),
    ):
        with pytest.raises(PlanError, match=message):
            begun(replace(plan, average=PolicyAverage(HORIZON)), source)
    with pytest.raises(PlanError, match="the plan wants an average of policies to act: PPO keeps none"):
        PPO(LinearWorld(8), SMALL, seed=0, device="cpu").apply_plan(PLAN, source)


def test_the_method_is_the_default_but_for_who_acts() -> None:
    target = Target("hopper", "heavy", Domain(), 1000)
    plan, default = (METHODS[name].plan(None, target) for name in ("averaged_policy", "frozen_encoder"))
    assert plan.average == PolicyAverage(500)
    assert replace(plan, average=None) == default


@pytest.mark.thorough
def test_a_run_leaves_what_it_was_judged_by(tmp_path: Path) -> None:
    """Zero-shot from where a run ended is the run's last return, also where a map carries the entries over."""
    config = small_config(**SAC_RUN)
    run = pretrain(config, tmp_path / "source", resume=False, num_threads=1, report=silent)
    same = SpaceMap.model_validate({"observation": "same_names", "action": "same_names"})
    mapped = config.model_copy(update={"transfer": config.transfer.model_copy(update={"space_map": same})})
    returns = []
    for name, job in {
        "averaged": (config, "averaged_policy"),
        "plain": (config, "zero_shot"),
        "mapped": (mapped, "zero_shot"),
    }.items():
        wanted = Transfer(job[0], run, "heavy", job[1])
        last = transfer(
            wanted, tmp_path / name, resume=False, num_threads=1, report=silent, show_plan=lambda rows: None
        )
        run = last if name == "averaged" else run
        returns.append(last.curve()[-1]["return"])
    assert returns[0] == returns[1] == returns[2]
    raw = run.final().weights
    pairs = zip(heads(raw, "policy_average"), heads(raw, "policy_head"), strict=True)
    assert all((average - head).abs().max() > 1e-5 for average, head in pairs)
