"""`sim2real calibrate`: what it takes, what it writes and what it refuses."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from drop_curves import Balancer, Curve, sides
from small_runs import small_config, write_config

from sim2real.calibrate.calibration import Sides
from sim2real.calibrate.policy_run import PolicyRun
from sim2real.cli import commands as cli
from sim2real.cli.several_numbers import repeat_options
from sim2real.config.config import RunConfig, load_config, validate


def test_several_numbers_may_follow_one_option() -> None:
    line = ["hopper", "--drops", "0.15", "0.4", "0.7", "--out", "f", "--seed", "3", "x"]
    assert repeat_options(line) == [
        *("hopper", "--drops", "0.15", "--drops", "0.4", "--drops", "0.7"),
        *("--out", "f", "--seed", "3", "x"),
    ]
    assert repeat_options(["--drops", "0.1", "--drops", "0.2"]) == ["--drops", "0.1", "--drops", "0.2"]
    assert repeat_options(["--drops", "much", "0.2"]) == ["--drops", "much", "0.2"]
    assert repeat_options(["--drops=0.1", "0.2", "x"]) == ["--drops", "0.1", "--drops", "0.2", "x"]
    assert repeat_options(["--drops=0.1", "--drops=0.2"]) == ["--drops", "0.1", "--drops", "0.2"]
    assert repeat_options(["--drops=much", "0.2", "--out=0.3"]) == ["--drops=much", "0.2", "--out=0.3"]


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["sim2real", "calibrate", *map(str, arguments)])
    monkeypatch.setattr(cli.console, "_width", 200)
    code = 0
    try:
        cli.main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def fake_run(monkeypatch: pytest.MonkeyPatch, drop: Curve, shift: str = "heavy") -> None:
    """Let the command meet a policy whose curve is known."""

    def measured(self: PolicyRun, episodes: int, seed: int, report: Any = None) -> Sides:
        return sides(drop, seed=seed % 1000, noise=5)

    run = PolicyRun("source", "d" * 64, small_config(), shift, Balancer())
    monkeypatch.setattr(PolicyRun, "sides", measured)
    monkeypatch.setattr(PolicyRun, "open", classmethod(lambda cls, *a, **k: run))


def test_the_command_writes_a_file_that_a_configuration_can_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_run(monkeypatch, lambda s: min(s / 2, 1.0))
    out = tmp_path / "calibrations" / "heavy.yaml"
    line = ("cartpole_swingup", "--shift", "heavy", "--policy", "run", "--drops", 0.15, 0.4, 0.7, "--out", out)
    code, printed = call(capsys, monkeypatch, *line)
    assert code == 0, printed
    for words in ("mild", "moderate", "severe", "95 % interval", "random actions"):
        assert words in printed
    content = yaml.safe_load(out.read_text())
    assert content["env"] == "cartpole_swingup"
    assert content["shift"] == "heavy"
    assert content["policy"] == {"run": "source", "checkpoint": "d" * 64}
    assert content["absent"] == {}
    assert content["returns"]["random"] == 100
    moderate = content["severities"]["moderate"]
    assert moderate["severity"] == pytest.approx(0.8, abs=0.03)
    assert moderate["drop_interval"][0] <= moderate["drop"] <= moderate["drop_interval"][1]

    target = {"shift": "heavy", "severity": "moderate", "calibration": "calibrations/heavy.yaml"}
    config = load_config(write_config(tmp_path, targets={"moderately_heavy": target}))
    resolved = config.model_dump(mode="json")["targets"]["moderately_heavy"]
    assert resolved == {"shift": "heavy", "severity": moderate["severity"], "fidelity": "nominal", "parameters": {}}
    domain = config.target_domain("moderately_heavy", config.make_task())
    assert domain.entries[0].support()[0] == 1 + moderate["severity"]
    assert validate(RunConfig, config.model_dump(mode="json"), "resolved") == config

    code, printed = call(capsys, monkeypatch, *line)
    assert code == 2
    assert "is there already" in printed


def test_an_equals_sign_may_come_before_several_numbers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_run(monkeypatch, lambda s: min(s / 2, 1.0))
    out = tmp_path / "heavy.yaml"
    line = ("cartpole_swingup", "--shift", "heavy", "--policy", "run", "--drops=0.15", 0.5, "--out", out)
    code, printed = call(capsys, monkeypatch, *line)
    assert code == 0, printed
    assert list(yaml.safe_load(out.read_text())["severities"]) == ["mild", "drop_0.5"]


def test_no_level_at_all_is_said_and_exit_code_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_run(monkeypatch, lambda s: 0.0, "weak")
    out = tmp_path / "weak.yaml"
    line = ("cartpole_swingup", "--shift", "weak", "--policy", "run", "--drops", 0.5, "--out", out)
    code, printed = call(capsys, monkeypatch, *line)
    assert code == 1
    assert "no severity up to 0.99 costs it" in printed
    content = yaml.safe_load(out.read_text())
    assert content["severities"] == {}
    assert content["absent"]["drop_0.5"].startswith("no severity")


def test_user_errors_of_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rest = ("--policy", tmp_path / "none", "--out", tmp_path / "x.yaml")
    for line, words in (
        (("hopper", "--shift", "heavy", "--drops", 0.5, *rest), "no such run directory"),
        (("hopper", "--shift", "hevy", "--drops", 0.5, *rest), "'hevy' (did you mean 'heavy'?)"),
        (("hopper", "--shift", "heavy", "--drops", 1.5, *rest), "drops: each must be > 0 and < 1, got 1.5"),
        (("hopper", "--shift", "heavy", *rest), "--drops"),
    ):
        code, printed = call(capsys, monkeypatch, *line)
        assert code == 2
        assert words in printed
    assert not (tmp_path / "x.yaml").exists()
