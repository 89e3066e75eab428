"""The public API: a journey in a few lines, policies for other people's loops, and errors with their place."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from small_runs import CONTENT, SAC, small_content, write_config
from stable_baselines3.common.evaluation import evaluate_policy

import sim2real
from agents import VectorAdapter
from sim2real.errors import UserError
from sim2real.runs.building import load_agent

ENV = "sim2real/CartpoleSwingup-v0"
HISTORY = {"kind": "history", "length": 3, "widths": [16], "memory_width": 8}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> sim2real.Run:
    """A run pretrained from Python, of half the steps and another seed than its configuration has."""
    folder = tmp_path_factory.mktemp("api")
    return sim2real.pretrain(
        write_config(folder), out=folder / "source", set={"budget.source_evaluations": 1}, steps=768, seed=3, threads=1
    )


def remembering(folder: Path) -> sim2real.Run:
    content = small_content(
        agent={**CONTENT["agent"], "settings": {**CONTENT["agent"]["settings"], "encoder": HISTORY}}
    )
    return sim2real.pretrain(content, out=folder / "history", steps=256, threads=1)


def test_importing_the_package_is_cheap_and_registers_the_environments() -> None:
    script = (
        "import sys, gymnasium, sim2real; print('torch' in sys.modules, 'sim2real/Hopper-v0' in gymnasium.registry);"
        "import sim2real.transfer.job, sim2real.report, sim2real.bench;"
        "print(all(callable(getattr(sim2real, name)) for name in ('transfer', 'report', 'bench')))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "True", "True"]
    with pytest.raises(AttributeError, match="no attribute 'pretrian'"):
        sim2real.pretrian  # noqa: B018


def test_a_run_says_what_it_came_to(source: sim2real.Run) -> None:
    assert source.finished
    assert source.config.budget.source_steps == source.summary["steps"] == source.curve[-1]["step"] == 768
    assert (source.summary["seed"], source.summary["kind"], source.summary["env"]) == (3, "pretrain", CONTENT["env"])
    assert source.summary["final_return"] == source.curve[-1]["return"]
    assert json.loads(json.dumps(source.summary)) == source.summary
    assert "final return" in repr(source)
    assert sim2real.Run(source.path).summary == source.summary


def test_transfer_from_python_takes_severity_and_steps_and_continues(source: sim2real.Run, tmp_path: Path) -> None:
    given: dict[str, Any] = {"severity": 0.2, "steps": 256, "set": {"budget.evaluations": 1}, "threads": 1}
    run = sim2real.transfer(source, "weak", tmp_path / "run", **given)
    content = run.directory.content()
    assert content["targets"]["weak"]["severity"] == 0.2
    assert (content["budget"]["target_steps"], content["budget"]["evaluations"]) == (256, 1)
    assert run.summary["source_return_before"] == source.summary["final_return"]
    assert run.ledger["steps"] == run.curve[-1]["step"] == 256
    again = sim2real.transfer(source.path, "weak", tmp_path / "run", resume=True, **given)
    assert again.curve == run.curve
    with pytest.raises(UserError, match=r"targets\.weak\.severity"):
        sim2real.transfer(source, "weak", tmp_path / "run", resume=True, **{**given, "severity": 0.3})


def test_an_oracles_steps_are_those_of_its_own_budget(source: sim2real.Run, tmp_path: Path) -> None:
    run = sim2real.transfer(source, "heavy", tmp_path / "run", method="oracle", steps=512, threads=1)
    assert (run.config.budget.source_steps, run.config.budget.target_steps) == (512, CONTENT["budget"]["target_steps"])
    assert run.ledger["steps"] == 512
    none = sim2real.transfer(None, "heavy", tmp_path / "none", method="scratch", config=CONTENT, steps=64, threads=1)
    assert none.ledger["steps"] == 64
    with pytest.raises(UserError, match="name a source run, or a configuration"):
        sim2real.transfer(None, "heavy", tmp_path / "no", method="scratch")


def test_an_evaluation_is_the_commands_and_follows_overrides(source: sim2real.Run) -> None:
    plain = sim2real.evaluate(source, episodes=4, threads=1)
    assert plain.target is None
    assert plain.interval.low <= plain.mean == plain.interval.point <= plain.interval.high
    mild = sim2real.evaluate(source, "heavy", severity=0.0, episodes=4, threads=1).to_mapping()
    own = {"targets.bare": {"parameters": {}}}
    bare = sim2real.evaluate(source, "bare", set=own, episodes=4, threads=1).to_mapping()
    assert mild["returns"] == bare["returns"]
    assert len(mild["returns"]) == mild["episodes"] == 4
    assert mild["steps"] == sum(mild["lengths"])
    with pytest.raises(UserError, match=r"^severity=-1: targets\.heavy: severity: must be >= 0"):
        sim2real.evaluate(source, "heavy", severity=-1)
    with pytest.raises(UserError, match="severity=1: a severity belongs to a target"):
        sim2real.evaluate(source, severity=1)


def test_a_policy_acts_in_stable_baselines3s_own_evaluation(source: sim2real.Run) -> None:
    policy = sim2real.load_policy(source)
    env = gymnasium.make(ENV)
    returns, lengths = evaluate_policy(policy, env, n_eval_episodes=2, warn=False, return_episode_rewards=True)
    assert lengths == [500, 500]
    assert np.isfinite(returns).all()
    assert policy.action_space == env.action_space
    assert policy.observation_space.shape == env.observation_space.shape
    obs, _ = env.reset(seed=0)
    action, state = policy.predict(obs)
    assert env.action_space.contains(action)
    assert state is None  # no history, nothing to remember
    batch, _ = policy.predict(np.stack([obs, obs]))
    np.testing.assert_allclose(batch, np.stack([action, action]), rtol=1e-5)
    drawn, _ = policy.predict(obs, deterministic=False)
    assert env.action_space.contains(drawn)
    assert not np.array_equal(drawn, action)
    with pytest.raises(UserError, match=r"observation: has shape \(3,\), must be"):
        policy.predict(obs[:3])


def test_a_policy_with_a_history_has_windows_of_its_own_in_every_world(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Actions are those of the product's own evaluation, also where episodes begin at different times."""
    run = remembering(tmp_path)
    agent, _ = load_agent(run.directory, run.config)
    policy, actor = sim2real.load_policy(run), agent.make_actor(3)
    with pytest.raises(UserError, match="is of 1 worlds, state of 3"):
        policy.predict(np.zeros(policy.observation_space.shape), actor)
    rng, state, started = np.random.default_rng(0), None, np.ones(3, bool)
    for step in range(8):
        obs = rng.normal(size=(3, *policy.observation_space.shape))
        action, state = policy.predict(obs, state, started)
        np.testing.assert_array_equal(action, actor.act(obs.astype(np.float32), started))
        started = np.array([step == 2, step == 4, False])
    assert state is not None
    fresh, _ = policy.predict(obs)
    assert not np.array_equal(fresh, action)  # the window matters
    for _ in range(4):
        policy.predict(obs)
    assert ["pass on the state" in record.message for record in caplog.records] == [True]  # once
    worlds = VectorAdapter(sim2real.make_vec(run, num_envs=2, target="heavy", seed=0, num_threads=1))
    assert np.isfinite(evaluate_policy(policy, worlds, n_eval_episodes=2, warn=False)[0])


def test_a_sac_policy_is_loaded_alike(tmp_path: Path) -> None:
    run = sim2real.pretrain(small_content(**SAC), out=tmp_path / "sac", steps=128, threads=1)
    policy = sim2real.load_policy(run)
    obs = np.ones((2, *policy.observation_space.shape))
    assert policy.action_space.contains(policy.predict(obs[0])[0])
    assert not np.array_equal(policy.predict(obs, deterministic=False)[0], policy.predict(obs)[0])


def test_worlds_are_those_of_a_name_a_run_or_a_configuration(source: sim2real.Run) -> None:
    worlds = sim2real.make_vec("hopper", num_envs=2, target="heavy", severity=1.0, seed=0, num_threads=1)
    assert worlds.domain.to_mapping()["parameters"] == {"body_mass": [{"scale": 2.0}]}
    own = sim2real.make_vec(source, num_envs=2, seed=0, num_threads=1)
    other = sim2real.make_vec(source.config, num_envs=2, seed=0, num_threads=1)
    np.testing.assert_array_equal(own.reset()[0], other.reset()[0])
    with pytest.raises(ValueError, match="unknown target 'hevy'"):
        sim2real.make_vec("hopper", num_envs=2, target="hevy")
    with pytest.raises(UserError, match="a target or a domain, not both"):
        sim2real.make_vec("hopper", num_envs=2, target="heavy", domain={})


def test_single_transfers_are_reported_beside_their_source(source: sim2real.Run, tmp_path: Path) -> None:
    given: dict[str, Any] = {"steps": 320, "set": {"budget.evaluations": 5, "budget.eval_episodes": 2}, "threads": 1}
    runs = [
        sim2real.transfer(source, "heavy", tmp_path / f"run{i}", method=method, severity=severity, **given)
        for i, (method, severity) in enumerate((("zero_shot", 0.5), ("fine_tune", 0.5), ("zero_shot", 1.0)))
    ]
    found = sim2real.report(source, *runs, out=tmp_path / "report")
    rows = {(row["target"], row["method"]): row for row in found.rows}
    assert set(rows) == {("heavy 0.5", "zero_shot"), ("heavy 0.5", "fine_tune"), ("heavy 1", "zero_shot")}
    first = rows["heavy 0.5", "fine_tune"]
    assert first["source_return"] == source.summary["final_return"]
    assert first["initial_return"] == runs[1].summary["initial_return"]
    assert {record.source_steps for record in found.results.records} == {768}
    assert "heavy 0.5" in found.paths.html.read_text()
    alone = sim2real.report(runs[1])
    assert alone.paths.html == runs[1].path / "report" / "report.html"
    assert {record.source_steps for record in alone.results.records} == {0}  # nobody named it
    with pytest.raises(UserError, match="a report is of transfers, these are source agents"):
        sim2real.report(source, out=tmp_path / "no")
    twin = shutil.copytree(runs[0].path, tmp_path / "twin")
    with pytest.raises(UserError, match=r"run0 and .*twin: both are .*; leave one out"):
        sim2real.report(runs[0], twin, out=tmp_path / "no")
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"budget.source_steps": 100}, r"^set=\{'budget.source_steps': 100\}: budget.source_steps: 100 is not a mult"),
        (
            {"budgt.source_steps": 64},
            r"^set=\{'budgt.source_steps': 64\}: budgt: unknown key .* \(did you mean 'budget'",
        ),
        ({"targets.x": {"shift": "hevy"}}, r"^set=.*targets\.x: unknown shift 'hevy'"),
        ({"agent.num_envs": 7}, r"with set=\{'agent.num_envs': 7\}: budget.source_steps: 1024000 is not a multiple"),
        ({"env.name": 1}, r"^set=\{'env.name': 1\}: env is one value, 'hopper'; set it as a whole"),
        ({"seed": "one"}, r"^set=\{'seed': 'one'\}: seed: Input should be a valid integer, got 'one'"),
    ],
)
def test_what_is_wrong_with_an_override_is_said_at_its_place(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        sim2real.load_config("hopper", set=given)


def test_an_override_is_a_key_of_the_file(tmp_path: Path) -> None:
    given = {"targets.v1.0.severity": 0.1, "agent.settings.encoder.widths": [8], "source.parameters": {}}
    file = write_config(tmp_path, targets={"v1.0": {"shift": "heavy", "severity": 0.5}})
    config = sim2real.load_config(file, set=given, seed=5)
    assert config.targets["v1.0"].severity == 0.1
    assert config.agent.settings["encoder"] == {"widths": [8]}
    assert (config.source.parameters, config.seed) == ({}, 5)
    assert sim2real.load_config(config) is config
    assert sim2real.load_config(config, set={"seed": 6}).seed == 6
