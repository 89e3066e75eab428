"""Runs of SAC: the configuration that comes along trains, and a run killed at any moment ends as if it had not been."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from small_runs import SAC, silent, small_config

from agents import parts, sac
from sim2real.config.config import RunConfig, load_config
from sim2real.config.shipped import shipped_configs
from sim2real.methods import METHODS
from sim2real.runs.building import load_agent
from sim2real.runs.pretraining import pretrain
from sim2real.runs.run import RunDirectory
from sim2real.transfer.transfer import Transfer, transfer
from tests.sim2real.runs.test_resume import assert_same_run, run_to_end, run_with_kills

OFF_POLICY = ("wsrl", "rlpd", "darc")


def run_pretrain(out: str, seed: int) -> None:
    pretrain(small_config(seed=seed, **SAC), Path(out), resume=True, num_threads=1, report=silent)


def run_transfer(out: str, source: str, method: str, resume: bool = True, report: Any = silent) -> None:
    job = Transfer(small_config(**SAC), RunDirectory.open(Path(source)), "heavy", method)
    transfer(job, Path(out), resume=resume, num_threads=1, report=report, show_plan=lambda rows: None)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sac") / "source"
    run_pretrain(str(out), 0)
    return out


class Killed(BaseException):
    """Stands for SIGKILL."""


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["averaged_policy", "darc", "rlpd", pytest.param("wsrl", marks=pytest.mark.slow)])
def test_a_run_broken_off_and_resumed_is_the_same_and_counts_source_steps_once(
    method: str, source: Path, tmp_path: Path
) -> None:
    def die(done: int, total: int, text: str) -> None:
        if done >= 640:
            raise Killed

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run_transfer(str(whole), str(source), method)
    with pytest.raises(Killed):
        run_transfer(str(killed), str(source), method, resume=False, report=die)
    assert RunDirectory(killed).latest_sound() is not None
    run_transfer(str(killed), str(source), method)
    assert_same_run(whole, killed)
    # 1,024 on the target; eight worlds of the source: as many there, or 100 rounded up and ten for every target step
    steps = {"averaged_policy": 0, "wsrl": 0, "rlpd": 1024, "darc": 104 + 10 * 1024}[method]
    for out in (whole, killed):
        ledger = RunDirectory(out).ledger()
        assert (ledger["steps"], ledger["source_steps"]) == (1024, steps)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_pretraining_survives_sigkill_byte_for_byte(tmp_path: Path, seed: int) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    seconds = run_to_end(run_pretrain, str(whole), seed)
    run_with_kills(6, 1.1 * seconds, random.Random(seed), run_pretrain, str(killed), seed)
    assert_same_run(whole, killed)
    states = [RunDirectory(out).final().state for out in (whole, killed)]
    assert states[0]["own/replay"].shape[0] == 1536  # the filled part, of room for 4,096
    assert states[0]["own/replay"].numpy().tobytes() == states[1]["own/replay"].numpy().tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("method", OFF_POLICY)
def test_transfer_survives_sigkill_byte_for_byte(method: str, source: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    seconds = run_to_end(run_transfer, str(whole), str(source), method)
    rng = random.Random(2)
    run_with_kills(4, 1.1 * seconds, rng, run_transfer, str(killed), str(source), method)
    assert_same_run(whole, killed)


def test_a_method_s_own_settings_are_those_of_the_run(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run_transfer(str(out), str(source), "rlpd")
    run = RunDirectory.open(out)
    agent, bundle = load_agent(run, run.config())
    assert isinstance(agent, sac.SAC)
    assert (agent.settings.num_critics, agent.settings.num_subset) == (10, 2)
    assert agent.policy.critic.num == 10
    assert {name: tensor.shape for name, tensor in parts.tensors(agent.policy).items()} == {
        name: tensor.shape for name, tensor in bundle.weights.items()
    }


def test_the_configuration_of_sac_on_the_hopper_trains(tmp_path: Path) -> None:
    config = load_config(shipped_configs()["hopper_sac"])
    ppo = load_config(shipped_configs()["hopper"])
    assert config.agent.algorithm == "sac"
    assert (config.source, config.targets) == (ppo.source, ppo.targets)
    assert config.budget.target_steps * 10 == config.budget.source_steps
    assert config.budget.target_steps >= 10 * config.transfer_settings()["learning_starts"]
    assert all("sac" in METHODS[name].algorithms for name in OFF_POLICY)
    quick: dict[str, Any] = {"source_steps": 800, "evaluations": 1, "source_evaluations": 1, "eval_episodes": 2}
    agent = config.agent.model_dump()
    agent["settings"] |= {"learning_starts": 400, "random_start": 400, "gradient_steps": 0.1}
    content = {**config.model_dump(), "agent": agent, "budget": {**config.budget.model_dump(), **quick}}
    short = RunConfig.model_validate(content)
    run = pretrain(short, tmp_path / "run", resume=False, num_threads=1, report=silent)
    ledger = run.ledger()
    assert (ledger["status"], ledger["steps"]) == ("finished", 800)
    assert run.final().meta["training"]["num_updates"] == 40  # a tenth of the 408 steps since there were 400
