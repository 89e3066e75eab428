"""An environment of one's own without MuJoCo, from source to target: checkpoints, resume, ledger, evaluation, bench."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console
from small_runs import silent, small_content

from sim2real.bench import Bench, load_bench_config
from sim2real.cli import commands as cli
from sim2real.config.config import load_config
from sim2real.errors import UserError
from sim2real.runs.pretraining import pretrain
from sim2real.runs.run import RunDirectory

MODULE = '''
import gymnasium
import numpy as np


class Arm(gymnasium.Env):
    """A joint that a motor turns; its motor is noisy."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    dt, max_episode_steps = 0.05, 50

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.angle, self.speed = self.np_random.uniform(-1, 1), 0.0
        return np.array([self.angle, self.speed]), {}

    def step(self, action):
        self.speed += self.dt * (4 * float(action[0]) + self.np_random.normal(0, 0.1))
        self.angle += self.dt * self.speed
        return np.array([self.angle, self.speed]), 1 - self.angle**2, abs(self.angle) > 2, False, {}
'''
CHANGES: dict[str, Any] = {
    "env": "plain_arm:Arm",
    "source": {"parameters": {"observation_noise": {"set": 0.01}, "action_delay": {"set": {"choice": [0, 1]}}}},
    "targets": {"weak": {"parameters": {"action_scale": {"set": 0.6}, "observation_bias": {"set": 0.1}}}},
    "budget": {
        **{"source_steps": 768, "target_steps": 256, "evaluations": 1, "source_evaluations": 2},
        **{"eval_episodes": 2, "checkpoints": 3},
    },
}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with the environment beside it."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain_arm.py").write_text(MODULE)
    file = tmp_path / "arm.yaml"
    file.write_text(yaml.safe_dump(small_content(**CHANGES)))
    return file


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["sim2real", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return int(stop.value.code or 0)


def test_a_run_that_breaks_off_within_episodes_ends_with_the_same_bytes(config: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    pretrain(load_config(config), whole, resume=False, num_threads=1, report=silent)

    def stop(done: int, total: int, text: str) -> None:
        if done >= 512:  # after the first checkpoint, in which episodes of 50 steps are running
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(load_config(config), broken, resume=False, num_threads=1, report=stop)
    assert RunDirectory(broken).ledger()["status"] == "running"
    pretrain(load_config(config), broken, resume=True, num_threads=1, report=silent)
    assert (whole / "curve.jsonl").read_bytes() == (broken / "curve.jsonl").read_bytes()
    one, other = (max((run / "checkpoints").iterdir()) / "weights.safetensors" for run in (whole, broken))
    assert one.read_bytes() == other.read_bytes()
    ledger = json.loads((broken / "ledger.json").read_text())
    assert (ledger["status"], ledger["steps"], ledger["faults"]) == ("finished", 768, 0)


def test_commands_take_it_as_source_and_target(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "pretrain", config, "--out", "source") == 0, capsys.readouterr().err
    moved = ("transfer", "source", "--target", "weak", "--method", "frozen_encoder", "--out", "moved")
    assert command(monkeypatch, *moved) == 0, capsys.readouterr().err
    assert json.loads(Path("moved/ledger.json").read_text())["steps"] == 256
    assert command(monkeypatch, "evaluate", "moved", "--episodes", 2) == 0
    assert command(monkeypatch, "transfer", "source", "--target", "heavy", "--method", "scratch", "--out", "no") == 2
    assert "body_mass: plain_arm:Arm has no MuJoCo model" in capsys.readouterr().err
    assert not Path("no").exists()
    assert command(monkeypatch, "advise", "source", "--target", "weak", "--steps", 256) == 2
    assert "plain_arm:Arm has no MuJoCo state" in capsys.readouterr().err


@pytest.mark.thorough
def test_a_bench_of_it_is_reported(config: Path, tmp_path: Path) -> None:
    bench = {"name": "arm", "environments": ["arm.yaml"], "targets": ["weak"], "seeds": [0]}
    file = tmp_path / "bench.yaml"
    file.write_text(yaml.safe_dump({**bench, "methods": ["zero_shot", "scratch", "frozen_encoder"]}))
    begun = Bench.begin(tmp_path / "out", load_bench_config(file), tmp_path)
    begun.run(Console(file=io.StringIO(), width=200))
    assert {r.method: r.status for r in begun.results().records} == dict.fromkeys(
        ("zero_shot", "scratch", "frozen_encoder"), "finished"
    )
    assert "frozen_encoder" in begun.report().markdown.read_text()


def test_a_physical_parameter_in_a_configuration_is_named(config: Path) -> None:
    content = {**yaml.safe_load(config.read_text()), "source": {"parameters": {"gravity": {"scale": 0.9}}}}
    config.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=r"arm\.yaml: source: gravity: plain_arm:Arm has no MuJoCo model .*valid: "):
        load_config(config)
