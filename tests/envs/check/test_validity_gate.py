"""The gate on shifts of the catalogue: fine ones pass, the same seed gives the same answer, and the command says so."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import yaml
from small_runs import silent, small_config, small_content
from typer.testing import CliRunner, Result

from envs import SHIFTS, Domain, EnvsError
from envs.check import Gate, Verdict, check_shift
from sim2real.cli.commands import app, main
from sim2real.errors import UserError
from sim2real.runs.pretraining import pretrain

FINE = ("heavy", "slippery", "weak", "laggy", "noisy", "damped")


@pytest.fixture(scope="module")
def gates() -> dict[str, Gate]:
    return {name: Gate(name, num_threads=1) for name in ("hopper", "half_cheetah")}


@pytest.mark.parametrize("env", ["hopper", "half_cheetah"])
@pytest.mark.parametrize("shift", FINE)
def test_fine_shifts_pass(gates: dict[str, Gate], env: str, shift: str) -> None:
    gate = gates[env]
    found = gate.check(shift, gate.domain(shift), SHIFTS[shift].severity)
    assert found.verdict is Verdict.OK, found.message
    assert found.ok
    assert sum(q.known for q in found.quantities) >= 2
    assert found.divergence is not None
    assert found.divergence.worst[1] > 1e-3
    assert found.divergence.first_step == 0
    assert found.solvability is not None
    assert found.solvability.word == "yes"
    assert found.solvability.low > 0


def test_the_nominal_worlds_are_their_own_reference(gates: dict[str, Gate]) -> None:
    found = gates["hopper"].check("nominal", Domain(), 0.0)
    assert (found.verdict, found.message) == (Verdict.OK, "the reference itself")
    assert found.divergence is not None
    assert set(found.divergence.entries.values()) == {0.0}


def test_severity_zero_is_null() -> None:
    found = check_shift("inverted_pendulum", "heavy", 0, num_threads=1)
    assert found.verdict is Verdict.NULL
    assert not any(q.wrong for q in found.quantities)


@pytest.mark.thorough
def test_the_same_seed_gives_the_same_answer_on_any_number_of_threads() -> None:
    found = [check_shift("inverted_pendulum", "noisy", seed=3, num_threads=n).to_mapping() for n in (1, 1, 2)]
    assert found[0] == found[1] == found[2]
    other = check_shift("inverted_pendulum", "noisy", seed=4, num_threads=1).to_mapping()
    assert other["solvability"] != found[0]["solvability"]


def test_pushes_that_come_late_are_seen() -> None:
    gate = Gate("inverted_pendulum", num_threads=1)
    late = {"push_impulse": {"select": "cart", "set": 1.0}, "push_interval": {"set": 60}}
    found = gate.check("late", Domain.parse({"parameters": late}))
    assert found.verdict is Verdict.OK, found.message
    assert found.divergence is not None
    assert 58 <= found.divergence.first_step <= 60
    measured = {q.name: q.measured for q in found.quantities}
    assert measured["push_interval[*]"] == 60
    assert measured["push_impulse[cart]"] == pytest.approx(1.0)


def test_a_shift_the_environment_cannot_have_is_refused_with_what_it_has() -> None:
    with pytest.raises(EnvsError, match="'\\*' matches nothing"):
        check_shift("inverted_pendulum", "slippery")
    with pytest.raises(EnvsError, match="unknown shift 'heavi' \\(did you mean 'heavy'"):
        check_shift("inverted_pendulum", "heavi")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["check", *map(str, arguments), "--threads", "1"])


def test_the_command_is_green_if_all_is_well_and_writes_everything(tmp_path: Path) -> None:
    result = call("inverted_pendulum", "--shift", "heavy", "--shift", "laggy", "--json", tmp_path / "found.json")
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "found.json").read_text())
    assert content["env"] == "inverted_pendulum"
    assert [row["shift"] for row in content["shifts"]] == ["heavy", "laggy"]
    assert all(row["verdict"] == "OK" and row["returns"] is None for row in content["shifts"])
    assert content["shifts"][1]["severity"] == SHIFTS["laggy"].severity
    for word in ("heavy", "laggy", "OK", "yes"):
        assert word in result.output


def test_the_command_is_red_if_anything_is_not() -> None:
    result = call("inverted_pendulum", "--shift", "heavy", "--severity", 0)
    assert result.exit_code == 1
    assert "NULL" in result.output
    assert "heavy: changes nothing" in result.output


def test_targets_of_a_configuration_count_as_shifts(tmp_path: Path) -> None:
    idle = {"parameters": {"observation_saturation": {"set": 1000.0}}}
    content = small_content(
        env="inverted_pendulum", targets={"mine": {"shift": "heavy", "severity": 0.2}, "idle": idle}
    )
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(content))
    result = call(tmp_path / "own.yaml", "--shift", "mine", "--shift", "idle")
    assert result.exit_code == 1
    rows = {line.split()[0]: line for line in result.output.splitlines() if line.strip()}
    assert "0.2" in rows["mine"]
    assert "OK" in rows["mine"]
    assert "NULL" in rows["idle"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name at least one --shift, or give --all"),
        (["--shift", "slippery"], "matches nothing"),
        (["--shift", "heavi"], "did you mean 'heavy'"),
        (["--all", "--severity", "0.5"], "--severity"),
        (["--shift", "heavy", "--severity", "much"], "unknown level 'much'"),
        (["--shift", "heavy", "--policy", "nowhere"], "nowhere"),
    ],
)
def test_errors_of_the_user_are_one_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.setattr("sys.argv", ["sim2real", "check", "inverted_pendulum", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert words in error
    assert "Traceback" not in error


def test_what_is_not_applicable_is_no_failure(tmp_path: Path) -> None:
    few = {name: SHIFTS[name] for name in ("nominal", "heavy", "slippery")}
    with patch.dict(SHIFTS, few, clear=True):  # restores their order, too
        result = call("inverted_pendulum", "--all", "--json", tmp_path / "found.json")
    assert result.exit_code == 0, result.output
    found = {row["shift"]: row for row in json.loads((tmp_path / "found.json").read_text())["shifts"]}
    assert {name: row["verdict"] for name, row in found.items()} == {
        "nominal": "OK",
        "heavy": "OK",
        "slippery": "NOT APPLICABLE",
    }
    assert "matches nothing" in found["slippery"]["message"]


@pytest.mark.thorough
def test_a_policy_is_evaluated_in_both_worlds(tmp_path: Path) -> None:
    """A policy without skill, but its return is what it is in both."""
    pretrain(small_config(), tmp_path / "run", resume=False, num_threads=1, report=silent)
    options = ("--policy", tmp_path / "run", "--episodes", 4, "--json", tmp_path / "found.json")
    result = call("cartpole_swingup", "--shift", "heavy", *options)
    assert result.exit_code == 0, result.output
    returns = json.loads((tmp_path / "found.json").read_text())["shifts"][0]["returns"]
    for world in ("nominal", "shifted"):
        assert returns[world]["low"] <= returns[world]["mean"] <= returns[world]["high"]
        assert np.isfinite(returns[world]["mean"])
    assert returns["nominal"] != returns["shifted"]
    assert f"[{returns['shifted']['low']:.0f}, {returns['shifted']['high']:.0f}]" in result.output
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(small_content(task={"ctrl_weight": 0.5})))
    refused = call(tmp_path / "other.yaml", "--shift", "heavy", *options)
    assert isinstance(refused.exception, UserError)
    assert "its task has options {}" in str(refused.exception)
