"""Contract over METHODS: every plan does to every part what its table says, and counts its steps exactly."""

from __future__ import annotations

import importlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from small_runs import CONTENT, SAC, silent, small_config

from agents import AGENTS, PARTS, CheckpointError, PlanRow, acting_tensors, parts
from envs import Domain
from sim2real.cli import commands as cli
from sim2real.errors import UserError
from sim2real.methods import DEFAULT_METHODS, METHODS, Target
from sim2real.runs.building import load_agent
from sim2real.runs.evaluation import evaluate
from sim2real.runs.pretraining import pretrain
from sim2real.runs.run import RunDirectory
from sim2real.runs.teachers import teacher_config
from sim2real.transfer.transfer import Transfer, transfer

BUDGET = {**CONTENT["budget"], "evaluations": 1, "source_evaluations": 1}  # plans are looked at here, not curves
CONFIGS = {"ppo": small_config(budget=BUDGET), "sac": small_config(**SAC, budget=BUDGET)}
FITTING = [
    # every method is in `make test` with one algorithm, in `make test-all` with all that it fits
    pytest.param(method, algorithm, marks=pytest.mark.thorough if algorithm != row.algorithms[0] else ())
    for method, row in METHODS.items()
    for algorithm in row.algorithms
]
STEPS = CONFIGS["ppo"].budget.target_steps
TARGET = Target("cartpole_swingup", "heavy", Domain(), STEPS, CONFIGS["ppo"].transfer.num_envs)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bool], RunDirectory]:
    """Pretrain, once, the source agent of an algorithm, or its teacher."""
    made: dict[tuple[str, bool], RunDirectory] = {}

    def get(algorithm: str, teacher: bool) -> RunDirectory:
        if (algorithm, teacher) not in made:
            out = tmp_path_factory.mktemp("methods") / f"{algorithm}-{teacher}"
            config = teacher_config(CONFIGS[algorithm]) if teacher else CONFIGS[algorithm]
            made[algorithm, teacher] = pretrain(config, out, resume=False, num_threads=1, report=silent)
        return made[algorithm, teacher]

    return get


@pytest.fixture(scope="module")
def source(sources: Callable[[str, bool], RunDirectory]) -> RunDirectory:
    return sources("ppo", False)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_says_what_it_is_where_it_comes_from_and_when_it_helps_and_hurts(method: str) -> None:
    words = importlib.import_module(f"sim2real.methods.{method}").__doc__
    assert words is not None
    assert words.startswith(method)
    assert re.search(r"arXiv\s\d{4}\.\d{4,5}|JMLR \d+", words)
    for heading in (r"\nIdea: ", r"\nHelps ", r"\sHurts"):
        assert re.search(heading, words), heading


def weights(run: RunDirectory) -> dict[str, torch.Tensor]:
    newest = max((run.path / "checkpoints").iterdir())
    return dict(safetensors.torch.load_file(newest / "weights.safetensors"))


def carried(source: RunDirectory) -> dict[str, torch.Tensor]:
    """Return what a plan begins from: slow copies begin as what they are copies of."""
    held = weights(source)
    slow = {name for name in held if name.startswith("encoder_target.")}
    heads = {name.replace("policy_head", "policy_average", 1): held[name] for name in held if "policy_head" in name}
    return {
        **heads,
        **{name: held[name.replace("encoder_target.", "encoder.") if name in slow else name] for name in held},
    }


@pytest.mark.parametrize(("method", "algorithm"), FITTING)
def test_every_method_does_what_its_plan_says(
    method: str, algorithm: str, sources: Callable[[str, bool], RunDirectory], tmp_path: Path
) -> None:
    shown: list[PlanRow] = []
    row_of_method, config = METHODS[method], CONFIGS[algorithm]
    source = sources(algorithm, row_of_method.needs_teacher)
    if row_of_method.needs_teacher:
        config = teacher_config(config)
    job = Transfer(config, source, "heavy", method)
    run = transfer(job, tmp_path / "run", resume=False, num_threads=1, report=silent, show_plan=shown.extend)
    before, after = carried(source), weights(run)
    for row in shown:
        own = [name for name in after if name.startswith(f"{row.part}.")]
        moved = any(name not in before or not torch.equal(before[name], after[name]) for name in own)
        trains = any(rate is not None for rate in row.rates.values())
        assert moved == (row.action == "reset" or trains), row
        if row.action == "frozen":
            assert not trains
    ledger = run.ledger()
    plan = row_of_method.plan(source.final(), TARGET)
    budget = STEPS if row_of_method.budget == "target" else config.budget.source_steps
    assert ledger["steps"] == (budget if plan.phases else 0)
    assert (ledger["source_steps"] > 0) == row_of_method.needs_source_worlds
    assert (ledger["source_return_before"] is None) == (not row_of_method.needs_source)
    bundle = run.final()
    assert bundle.meta["parent"] == (source.final().digest if row_of_method.needs_source else None)
    assert bundle.meta["plan"] == plan.to_json()
    again, _ = load_agent(run, config)
    acted = acting_tensors(after)  # what a run leaves is what it was judged by
    assert all(torch.equal(acted[name], tensor) for name, tensor in parts.tensors(again.policy).items())


@pytest.mark.parametrize("algorithm", AGENTS)
def test_every_learner_has_a_default(
    algorithm: str,
    sources: Callable[[str, bool], RunDirectory],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "run"
    command = ("sim2real", "transfer", sources(algorithm, False).path, "--target", "heavy", "--out", out)
    monkeypatch.setattr("sys.argv", [str(word) for word in command])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    assert RunDirectory(out).manifest()["method"] == DEFAULT_METHODS[algorithm]
    assert DEFAULT_METHODS.keys() == AGENTS.keys()


def test_the_default_warms_the_critic_up_while_the_policy_is_still() -> None:
    plan = METHODS[DEFAULT_METHODS["ppo"]].plan(None, replace(TARGET, steps=1000))
    first, second = plan.phases
    assert set(first.trains) == {"value_head"}
    assert set(second.trains) == {"policy_head", "value_head", "log_std"}
    assert plan.parts["encoder"] == "freeze"
    assert first.stop is not None
    assert (first.stop.min_steps, first.stop.max_steps) == (100, 200)


def test_evaluation_repeats_itself_and_is_apart_from_training(source: RunDirectory) -> None:
    config = CONFIGS["ppo"]
    agent, _ = load_agent(source, config)
    domain = config.target_domain("heavy", config.make_task())
    before = parts.digests(agent.policy)
    first = evaluate(agent, config.env, domain, episodes=3, seed=5, num_threads=1)
    again = evaluate(agent, config.env, domain, episodes=3, seed=5, num_threads=2)
    other = evaluate(agent, config.env, domain, episodes=3, seed=6, num_threads=1)
    assert first.returns.tobytes() == again.returns.tobytes()
    assert first.returns.tobytes() != other.returns.tobytes()
    assert first.steps == int(first.lengths.sum()) == 3 * 500
    assert first.standard_error == pytest.approx(first.returns.std(ddof=1) / 3**0.5)
    assert parts.digests(agent.policy) == before
    assert agent.num_timesteps == 0


def test_more_episodes_than_one_batch_are_counted_exactly(
    source: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim2real.runs.evaluation.LARGEST_BATCH", 2)
    config = CONFIGS["ppo"]
    agent, _ = load_agent(source, config)
    result = evaluate(agent, config.env, config.source_domain(config.make_task()), episodes=5, seed=0, num_threads=1)
    assert result.returns.shape == (5,)
    assert len(set(result.returns.tolist())) == 5


def test_a_run_directory_keeps_its_lineage(source: RunDirectory) -> None:
    manifest = json.loads((source.path / "manifest.json").read_text())
    assert manifest["kind"] == "pretrain"
    assert {"sim2real", "torch", "mujoco", "gymnasium", "stable-baselines3", "numpy"} <= manifest["versions"].keys()
    assert len(manifest["config"]) == 64
    assert source.config() == CONFIGS["ppo"]


def test_a_source_that_has_not_finished_is_not_carried_over(source: RunDirectory, tmp_path: Path) -> None:
    half = tmp_path / "half"
    shutil.copytree(source.path, half)
    (half / "ledger.json").write_text(json.dumps({"status": "running"}))
    job = Transfer(CONFIGS["ppo"], RunDirectory.open(half), "heavy", "fine_tune")
    with pytest.raises(UserError, match="has not finished"):
        transfer(job, tmp_path / "out", resume=False, num_threads=1, report=silent, show_plan=lambda rows: None)
    assert not (tmp_path / "out").exists()


def test_a_damaged_final_checkpoint_is_not_replaced_by_an_older_one(source: RunDirectory, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(source.path, copy)
    steps = sorted((copy / "checkpoints").iterdir())
    assert len(steps) > 1
    (steps[-1] / "weights.safetensors").write_bytes(b"")
    run = RunDirectory.open(copy)
    with pytest.raises(CheckpointError, match=r"weights\.safetensors"):
        run.final()
    sound = run.latest_sound()  # to continue from, the older one will do
    assert sound is not None
    assert sound.meta["step"] == int(steps[-2].name)


def test_zero_shot_killed_before_its_ledger_is_simply_done_again(source: RunDirectory, tmp_path: Path) -> None:
    job = Transfer(CONFIGS["ppo"], source, "heavy", "zero_shot")
    for resume in (False, True):
        run = transfer(job, tmp_path / "run", resume=resume, num_threads=1, report=silent, show_plan=lambda rows: None)
        assert [point["step"] for point in run.curve()] == [0]
        (run.path / "ledger.json").unlink()


def test_the_control_differs_from_the_default_in_its_critic_alone() -> None:
    """Same rates, the policy's lower than the critic's; no warm-up, and a fresh value head."""
    plans = [METHODS[name].plan(None, TARGET) for name in ("frozen_encoder", "actor_only")]
    assert plans[0].phases[-1].trains == {"policy_head": 0.3, "value_head": 1.0, "log_std": 1.0}
    assert plans[1].phases[-1].trains == plans[0].phases[-1].trains | {"value_encoder": 1.0}
    actions = [{part: plan.action(part) for part in PARTS} for plan in plans]
    different = {part: (actions[0][part], actions[1][part]) for part in PARTS if actions[0][part] != actions[1][part]}
    assert different == {
        "value_encoder": ("freeze", "reset"),
        **dict.fromkeys(("value_head", "critic", "critic_target"), ("keep", "reset")),
    }
    assert [len(plan.phases) for plan in plans] == [2, 1]
