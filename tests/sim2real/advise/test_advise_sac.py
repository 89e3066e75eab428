"""Advice on SAC agents: what their probed does and says; exact, repeatable, and quiet where nothing differs."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from small_runs import SAC, silent, small_config

from agents import SacPolicy
from sim2real.advise import SIGNALS, Advice, advice_tables, advise
from sim2real.advise.probed_learners import ProbedSAC, make_probed
from sim2real.methods import METHODS
from sim2real.runs.building import load_agent
from sim2real.runs.pretraining import pretrain
from sim2real.runs.run import RunDirectory

NOMINAL = {"fidelity": "nominal", "parameters": {}}
TARGETS = {"same": {}, "noisy": {"shift": "noisy", "severity": 0.3}}


@pytest.fixture(scope="module")
def swinger(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run of a SAC agent that can nothing yet, whose source domain is the nominal world."""
    config = small_config(source=NOMINAL, targets=TARGETS, **SAC)
    folder = tmp_path_factory.mktemp("advise_sac") / "source"
    return pretrain(config, folder, resume=False, num_threads=1, report=silent)


@pytest.fixture(scope="module")
def neutral(swinger: RunDirectory) -> Advice:
    return advise(swinger, "same", steps=1000, num_threads=1)


@pytest.fixture
def probed(swinger: RunDirectory) -> ProbedSAC:
    """A probed of its own for every test, so that a test may write into the weights."""
    found = make_probed("sac", load_agent(swinger, swinger.config())[0])
    assert isinstance(found, ProbedSAC)
    return found


def some_obs(num: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((num, 5)).astype(np.float32)


def test_steps_are_spent_exactly_and_nothing_is_found_where_nothing_differs(neutral: Advice) -> None:
    assert (neutral.target_steps, neutral.source_steps, neutral.simulator_steps) == (1000, 1000, 2000)
    assert neutral.measures.returns.target.num_runs == 2  # episodes of 500
    assert {name: reading.value for name, reading in neutral.readings.items()} == dict.fromkeys(SIGNALS, 0.0)
    assert neutral.first.method == "zero_shot"
    assert {row.part: row.action for row in neutral.parts} == dict.fromkeys(
        ("encoder", "encoder_target", "policy_head", "critic", "critic_target", "temperature"), "freeze"
    )
    widths = {name: layer.width for name, layer in neutral.measures.layers.items()}
    assert widths == {"encoder.layers.0": 16, "policy_head.hidden.0": 16, "critic.layers.0": 2 * 16}
    for layer in neutral.measures.layers.values():
        assert layer.cka.target == pytest.approx(1.0, abs=1e-9)
        assert 1 <= layer.rank.target <= layer.width


def test_the_methods_of_sac_are_ranked_and_no_others(neutral: Advice) -> None:
    assert {"wsrl", "rlpd", "darc", "frozen_encoder", "scratch"} <= set(neutral.scores)
    assert not {"progressive", "oracle", "rma"} & set(neutral.scores)
    assert all("sac" in METHODS[name].algorithms for name in neutral.scores)


def test_the_same_seed_gives_the_same_advice_and_another_seed_another(swinger: RunDirectory) -> None:
    first, again, other = (advise(swinger, "noisy", steps=500, seed=s, num_threads=1) for s in (3, 3, 4))
    assert first.to_mapping() == again.to_mapping()
    assert first.measures != other.measures


def test_noisy_sensors_are_seen_by_the_encoder_and_its_slow_copy_goes_with_it(swinger: RunDirectory) -> None:
    noisy = advise(swinger, "noisy", steps=1000, num_threads=1)
    assert min(pair.target for pair in noisy.measures.readings.values()) > 0
    assert noisy.measures.layers["encoder.layers.0"].cka.target < 0.99
    assert {"sensors", "features"} <= set(noisy.reasons)
    actions = {row.part: row.action for row in noisy.parts if row.part.startswith("encoder")}
    assert {part.split(".")[0] for part in actions} == {"encoder", "encoder_target"}
    assert set(actions.values()) == {"train"}


def test_actions_are_drawn_as_for_the_replay(probed: ProbedSAC) -> None:
    policy: SacPolicy = probed.policy
    obs = some_obs(6)
    noise = torch.randn((6, 1), generator=torch.Generator().manual_seed(5)).double().numpy()
    expected = policy.unscale_action(policy.sample_actions(obs, torch.Generator().manual_seed(5)))
    np.testing.assert_allclose(probed.act(obs, noise).actions, expected, rtol=0, atol=1e-6)


def test_an_action_is_saturated_where_tanh_hardly_moves(probed: ProbedSAC) -> None:
    output = probed.policy.policy_output
    with torch.no_grad():
        output.weight.zero_()
        output.bias.copy_(torch.tensor([0.0, -20.0]))
    inside = probed.act(some_obs(4), np.zeros((4, 1)))
    with torch.no_grad():
        output.bias[0] = math.atanh(0.992)
    outside = probed.act(some_obs(4), np.zeros((4, 1)))
    assert not inside.saturated.any()
    assert outside.saturated.all()
    high = float(probed.policy.action_space.high[0])
    np.testing.assert_allclose(inside.actions, 0.0, atol=1e-6)
    np.testing.assert_allclose(outside.actions, 0.992 * high, rtol=1e-5)


def test_a_value_is_the_mean_over_critics_and_the_policys_actions(probed: ProbedSAC) -> None:
    policy: SacPolicy = probed.policy
    last = policy.critic.layers[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([3.0, 5.0]).reshape(2, 1, 1))
    np.testing.assert_allclose(probed.value(some_obs(7)), 4.0)


def test_a_value_of_a_policy_without_spread_is_that_of_its_mean_action(probed: ProbedSAC) -> None:
    policy, obs = probed.policy, some_obs(7)
    with torch.no_grad():
        policy.policy_output.weight[1].zero_()
        policy.policy_output.bias[1] = -20.0
        features = policy.encoder(torch.from_numpy(obs))
        expected = policy.critic(features, torch.tanh(policy.policy_out(features)[:, :1])).mean(0).numpy()
    found = probed.value(obs)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert np.ptp(found) > 0
    np.testing.assert_array_equal(found, probed.value(obs))


def test_what_values_hold_besides_rewards_is_said_beside_their_error(neutral: Advice) -> None:
    note = neutral.to_mapping()["value_note"]
    assert "entropy bonus" in note
    console = Console(width=240, file=io.StringIO())
    for table in advice_tables(neutral):
        console.print(table)
    lines = console.file.getvalue().splitlines()
    assert [note in line for line in lines if line.strip().startswith("value - return")] == [True, True]
    json.dumps(neutral.to_mapping(), allow_nan=False)


@pytest.mark.thorough
def test_an_agent_with_a_memory_is_probed_through_its_windows(tmp_path: Path) -> None:
    encoder = {"kind": "history", "length": 3, "widths": [16], "memory_width": 8}
    agent = {**SAC["agent"], "settings": {**SAC["agent"]["settings"], "encoder": encoder}}
    config = small_config(source=NOMINAL, targets=TARGETS, agent=agent, transfer=SAC["transfer"])
    run = pretrain(config, tmp_path / "source", resume=False, num_threads=1, report=silent)
    same = advise(run, "same", steps=500, num_threads=1)
    assert len(same.measures.inputs) == 5  # entries of an observation, not of a window
    assert same.measures.layers["critic.layers.0"].cka.target == pytest.approx(1.0, abs=1e-9)
    assert same.first.method == "zero_shot"
