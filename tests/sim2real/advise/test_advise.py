"""`sim2real advise`: exact counts, nothing found where nothing differs, a great gap seen, and advice that follows."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import silent, small_config

from agents import PlanError, parts
from envs import EnvsError, make_vec
from envs.check import Twin
from sim2real.advise import RULES, SIGNALS, TRAITS, Advice, advise
from sim2real.advise.advice import choose_num_envs
from sim2real.advise.ranking import advise_parts, rank
from sim2real.advise.signals import Reading
from sim2real.advise.traits import compute_traits
from sim2real.advise.values import ValueErrors, compute_returns
from sim2real.cli import commands as cli
from sim2real.errors import UserError
from sim2real.methods import METHODS, Target
from sim2real.runs.building import load_agent
from sim2real.runs.pretraining import pretrain
from sim2real.runs.run import RunDirectory
from sim2real.transfer.transfer import Transfer, transfer

NOMINAL = {"fidelity": "nominal", "parameters": {}}
TARGETS = {"same": {}, "weak": {"shift": "weak", "severity": 0.9}, "noisy": {"shift": "noisy", "severity": 0.3}}


@pytest.fixture(scope="module")
def cartpole(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run of an agent that can nothing yet, whose source domain is the nominal world."""
    config = small_config(source=NOMINAL, targets=TARGETS)
    folder = tmp_path_factory.mktemp("advise") / "source"
    return pretrain(config, folder, resume=False, num_threads=1, report=silent)


@pytest.fixture(scope="module")
def balancer(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run whose policy balances a pole by gains on the four observations."""
    linear = {"encoder": {"widths": []}, "policy_head": [], "value_head": [8], "num_steps": 16, "batch_size": 64}
    config = small_config(
        env="inverted_pendulum",
        source=NOMINAL,
        targets=TARGETS,
        agent={"num_envs": 8, "settings": {**linear, "num_epochs": 1, "log_std_init": -4.0}},
        transfer={"num_envs": 4, "settings": {}},
    )
    run = pretrain(config, tmp_path_factory.mktemp("balance") / "source", resume=False, num_threads=1, report=silent)
    bundle = run.final()
    weights = dict(bundle.weights)
    gains = torch.tensor([0.5, 5.0, 0.7, 1.0], dtype=torch.float64)
    std = (weights["encoder.normalizer.var"] + 1e-8).sqrt()
    weights["policy_head.output.weight"] = (gains * std).float()[None]
    weights["policy_head.output.bias"] = (gains * weights["encoder.normalizer.mean"]).sum().float()[None]
    shutil.rmtree(run.path / "checkpoints")
    run.save_checkpoint(bundle.meta["step"], weights=weights, state={}, meta=bundle.meta)
    run.finish(run.ledger())
    return run


@pytest.fixture(scope="module")
def neutral(cartpole: RunDirectory) -> Advice:
    return advise(cartpole, "same", steps=1000, num_threads=1)


def test_a_target_that_is_the_source_shows_nothing(neutral: Advice) -> None:
    measures = neutral.measures
    for table in (measures.inputs, measures.readings, measures.model):
        assert list(table) == list(measures.inputs)
        assert all(pair.rise == 0.0 for pair in table.values())
    assert all(pair.target == 0.0 for pair in (*measures.readings.values(), *measures.model.values()))
    for layer in measures.layers.values():
        assert layer.cka.target == pytest.approx(1.0, abs=1e-9)
        assert layer.dormant.rise == layer.rank.rise == 0.0
        assert 1 <= layer.rank.target <= layer.width == 16
    assert set(measures.layers) == {"encoder.layers.0", "policy_head.hidden.0", "value_head.hidden.0"}
    z = np.array([pair.target for pair in measures.inputs.values()])
    assert 0.4 < z.mean() < 1.2  # normal observations: sqrt(2 / pi) = 0.8
    assert measures.returns.lost.point == measures.returns.share.point == 0.0
    assert {name: reading.value for name, reading in neutral.readings.items()} == dict.fromkeys(SIGNALS, 0.0)
    assert neutral.first.method == "zero_shot"
    assert {row.action for row in neutral.parts} == {"freeze"}
    assert list(neutral.reasons) == ["caution"]


def test_a_twin_predicts_its_like_to_the_bit_and_refuses_what_is_not() -> None:
    make = {"num_envs": 2, "seed": 3, "num_threads": 1}
    leader, alike = make_vec("hopper", **make), make_vec("hopper", **make, max_episode_steps=None)
    obs, _ = leader.reset()
    actions = np.random.default_rng(0).uniform(-1, 1, (150, 2, 3)).astype(np.float32)
    ended = 0
    with Twin(alike, leader) as twin:
        for action in actions:
            predicted, sound = twin.predict(action)
            obs, _, terminated, _, infos = leader.step(action)
            ended += int(terminated.sum())
            reached = np.where(terminated[:, None], infos["final_obs"], obs) if terminated.any() else obs
            np.testing.assert_allclose(predicted, reached, rtol=0, atol=1e-9)
            assert sound.all()
    assert ended > 0
    with pytest.raises(EnvsError, match="has 3 worlds, the worlds it follows have 2"):
        Twin(make_vec("hopper", num_envs=3), leader)
    with pytest.raises(EnvsError, match="positions"):
        Twin(make_vec("walker2d", num_envs=2), leader)


def test_steps_are_spent_exactly(cartpole: RunDirectory, neutral: Advice) -> None:
    assert (neutral.target_steps, neutral.source_steps, neutral.simulator_steps) == (1000, 1000, 2000)
    assert neutral.num_envs == 2
    assert neutral.measures.returns.target.num_runs == 2  # episodes of 500
    odd = advise(cartpole, "noisy", steps=1011, num_threads=1)
    assert (odd.num_envs, odd.target_steps) == (1, 1011)  # 1011 = 3 x 337, and an episode is 500
    assert choose_num_envs(5000, 1000) == 5
    assert choose_num_envs(5000, 300) == 10
    assert choose_num_envs(500, 500) == 1
    with pytest.raises(UserError, match="499 is less than one episode of 500 steps"):
        advise(cartpole, "same", steps=499)


@pytest.mark.thorough
def test_the_same_seed_gives_the_same_advice_and_another_seed_another(cartpole: RunDirectory) -> None:
    first, again, other = (advise(cartpole, "noisy", steps=500, seed=s, num_threads=1) for s in (3, 3, 4))
    assert first.to_mapping() == again.to_mapping()
    assert first.measures != other.measures


def test_names_that_do_not_exist_are_refused(cartpole: RunDirectory) -> None:
    with pytest.raises(EnvsError, match="noisy"):
        advise(cartpole, "noizy", steps=500)


def test_weak_motors_are_seen_in_physics_and_return_and_not_in_the_sensors(balancer: RunDirectory) -> None:
    advice = advise(balancer, "weak", steps=10_000, num_threads=1)
    returns = advice.measures.returns
    assert returns.source.point == 1000.0
    assert returns.target.point < 100
    assert returns.share.point > 0.9
    assert all(pair.target == 0.0 for pair in advice.measures.readings.values())
    assert advice.readings["physics_off"].value > 0.5
    assert advice.readings["physics_off"].where
    assert {"return", "failure", "collapse", "physics"} <= set(advice.reasons)
    assert advice.scores["zero_shot"] == 0.0
    assert advice.first.score > 0.0
    assert advice.first.method not in ("zero_shot", "scratch")
    actions = {row.part: row.action for row in advice.parts}
    assert actions["policy_head"] == "train"
    assert actions["value_head"] == "train"
    assert advice.measures.layers["encoder"].cka.target < advice.measures.layers["encoder"].cka.source


def test_noisy_sensors_are_seen_by_the_encoder(balancer: RunDirectory) -> None:
    advice = advise(balancer, "noisy", steps=4000, num_threads=1)
    measures = advice.measures
    change = {name: pair.target for name, pair in measures.readings.items()}
    assert min(change.values()) > 0
    assert measures.layers["encoder"].cka.source == pytest.approx(1.0, abs=1e-9)
    assert measures.layers["encoder"].cka.target < 0.98
    assert {"sensors", "features"} <= set(advice.reasons)
    actions = {row.part: row.action for row in advice.parts}
    assert all(action == "train" for part, action in actions.items() if part.startswith("encoder"))


def test_discounted_returns_bootstrap_where_time_ran_out_and_not_where_the_task_ended() -> None:
    rewards = np.ones((3, 3))
    done = np.array([[False, False, False], [True, True, False], [False, False, False]])
    terminated = np.array([[False, False, False], [True, False, False], [False, False, False]])
    ahead = np.full((3, 3), 100.0)
    returns = compute_returns(rewards, terminated, done, ahead, gamma=0.5)
    np.testing.assert_allclose(returns[:, 0], [1.5, 1.0, 51.0])  # ended: 0 from there on
    np.testing.assert_allclose(returns[:, 1], [26.5, 51.0, 51.0])  # cut: the value of what was reached
    np.testing.assert_allclose(returns[:, 2], [14.25, 26.5, 51.0])


def test_explained_variance_knows_nothing_of_bias_and_rms_does() -> None:
    returns = np.arange(6.0).reshape(3, 2)
    shifted = ValueErrors(returns + 2.0, returns)
    assert shifted.explained_variance == 1.0
    assert shifted.bias(unit=4.0) == shifted.rms(unit=4.0) == 0.5
    assert ValueErrors(np.full((3, 2), 2.5), returns).explained_variance == pytest.approx(0.0)
    assert math.isnan(ValueErrors(returns, np.ones((3, 2))).explained_variance)


@pytest.mark.thorough
def test_an_encoder_with_a_memory_is_probed_through_its_windows(tmp_path: Path) -> None:
    encoder = {"kind": "history", "length": 3, "widths": [16], "memory_width": 8}
    agent = {"num_envs": 8, "settings": {"encoder": encoder, "policy_head": [16], "value_head": [16], "num_steps": 16}}
    config = small_config(source=NOMINAL, targets=TARGETS, agent=agent)
    run = pretrain(config, tmp_path / "source", resume=False, num_threads=1, report=silent)
    same, late = (advise(run, target, steps=500, num_threads=1) for target in ("same", "noisy"))
    assert len(same.measures.inputs) == 5  # entries of an observation, not of a window
    layer = "encoder.layers.0"
    assert same.measures.layers[layer].cka.target == pytest.approx(1.0, abs=1e-9)
    assert late.measures.layers[layer].cka.target < 0.99
    assert same.first.method == "zero_shot"
    assert "progressive" not in same.scores  # which an encoder with a memory cannot be carried over by
    assert {"residual", "low_rank", "fine_tune"} <= same.scores.keys()


def test_a_run_from_which_nothing_can_be_carried_over_is_not_advised_on(cartpole: RunDirectory, tmp_path: Path) -> None:
    job = Transfer(cartpole.config(), cartpole, "weak", "low_rank")
    run = transfer(job, tmp_path / "run", resume=False, num_threads=1, report=silent, show_plan=lambda rows: None)
    with pytest.raises(PlanError, match="changed by a surgery"):
        advise(run, "weak", steps=500, num_threads=1)


@pytest.fixture(scope="module")
def traits(cartpole: RunDirectory) -> dict[str, frozenset[str]]:
    config = cartpole.config()
    agent, bundle = load_agent(cartpole, config)
    goal = Target("cartpole_swingup", "same", config.target_domain("same", config.make_task()), 1024)
    return {name: compute_traits(method.plan(bundle, goal), agent.policy) for name, method in METHODS.items()}


def test_traits_are_what_plans_do(traits: dict[str, frozenset[str]]) -> None:
    assert traits["zero_shot"] == frozenset()
    assert traits["scratch"] == {"trains", "encoder", "statistics", "fresh"}
    assert traits["feature_extraction"] == {"trains", "fresh"}
    assert traits["fine_tune"] >= {"trains", "encoder", "statistics"}
    assert "encoder" not in traits["frozen_encoder"]
    assert traits["frozen_encoder"] >= {"trains", "warm_up"}
    for own in traits.values():
        assert own <= set(TRAITS)


def test_rules_name_what_exists_and_are_monotone() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.signal is None or rule.signal in SIGNALS
        assert set(rule.points) <= set(TRAITS)
        assert {pattern.split(".")[0] for pattern in rule.trains} <= set(parts.PARTS)
        if rule.signal is not None and rule.name != "saturation":
            assert min(rule.points.values()) > 0
    unknown = dict.fromkeys(SIGNALS, Reading(math.nan))
    assert [rule.name for rule in RULES if rule.holds(unknown)] == ["caution"]


def test_a_wider_gap_never_speaks_for_leaving_the_policy_alone(
    cartpole: RunDirectory, traits: dict[str, frozenset[str]]
) -> None:
    policy = load_agent(cartpole, cartpole.config())[0].policy
    for signal in SIGNALS:
        places, trained = [], []
        for value in (0.0, 0.05, 0.2, 0.6, 2.0):
            readings = {name: Reading(value if name == signal else 0.0, "x") for name in SIGNALS}
            ranked = [row.method for row in rank(traits, readings)]
            places.append(ranked.index("zero_shot"))
            trained.append({row.part for row in advise_parts(policy, readings) if row.action == "train"})
        assert places == sorted(places)
        assert all(len(a) <= len(b) for a, b in pairwise(trained))
    assert places[0] == 0


def test_the_command_prints_tables_and_writes_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, cartpole: RunDirectory, tmp_path: Path
) -> None:
    file = tmp_path / "advice.json"
    line = ["advise", cartpole.path, "--target", "noisy", "--steps", 1000, "--json", file, "--threads", 1]
    monkeypatch.setattr("sys.argv", ["sim2real", *map(str, line)])
    monkeypatch.setattr("sim2real.cli.terminal.console._width", 200)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    printed = capsys.readouterr().out
    for words in ("1,000 target steps", "encoder.layers.0", "try first:", "caution", "zero_shot", "CKA"):
        assert words in printed
    content = json.loads(file.read_text())
    assert content == advise(cartpole, "noisy", steps=1000, num_threads=1).to_mapping()
    assert content["steps"] == {"target": 1000, "source": 1000, "simulator": 2000}
    assert set(content["signals"]) == set(SIGNALS)
    assert {row["method"] for row in content["methods"]} == {
        name for name, row in METHODS.items() if "ppo" in row.algorithms and name not in ("oracle", "rma")
    }
    assert content["value_note"] == ""  # values of rewards alone
    assert content["first"] == content["methods"][0]["method"]
    scores = [row["score"] for row in content["methods"]]
    assert scores == sorted(scores, reverse=True)
    for row in content["methods"]:
        assert set(row["pros"]) | set(row["cons"]) <= set(content["reasons"])
    assert {row["action"] for row in content["parts"]} <= {"freeze", "train"}
    names = {"inputs", "readings", "model", "layers", "value_bias", "value_rms", "explained_variance", "saturation"}
    assert set(content["measures"]) == names | {"returns"}
    assert content["checkpoint"] == cartpole.final().digest


@pytest.mark.thorough
def test_only_a_teacher_is_advised_to_try_what_needs_one(tmp_path: Path, neutral: Advice) -> None:
    assert not {"rma", "oracle", "wsrl"} & set(neutral.scores)
    assert {"zero_shot", "scratch", "progressive"} <= set(neutral.scores)
    told = {"encoder": {"kind": "rma", "widths": [16], "length": 4, "memory_width": 8, "extrinsics": 2}}
    agent = {"num_envs": 8, "settings": {**told, "policy_head": [16], "value_head": [16], "num_steps": 16}}
    config = small_config(agent=agent)  # its source worlds differ: there is something to tell
    run = pretrain(config, tmp_path / "teacher", resume=False, num_threads=1, report=silent)
    advice = advise(run, "heavy", steps=500, num_threads=1)
    assert set(advice.scores) == {*neutral.scores, "rma"} - {"progressive"}  # which reads the layers of an mlp


def test_what_is_unknown_is_null_in_json(neutral: Advice) -> None:
    unknown = replace(neutral, readings={**neutral.readings, "value_misled": Reading(math.nan)})
    assert unknown.to_mapping()["signals"]["value_misled"]["value"] is None
    json.dumps(unknown.to_mapping(), allow_nan=False)
