"""The command line: every user error is one message with exit code 2, no traceback, and nothing half-written."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest
import yaml
from small_runs import CONTENT, write_config

from envs import ENVS, PARAMETERS, SHIFTS
from sim2real.cli import commands as cli
from sim2real.methods import METHODS
from sim2real.runs import run

Result = tuple[int, str, str]


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object) -> Result:
    """Return exit code, standard output and standard error of a command."""
    monkeypatch.setattr("sys.argv", ["sim2real", *map(str, arguments)])
    monkeypatch.setattr(cli.console, "_width", 200)
    code = 0
    try:
        cli.main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration and a pretrained run."""
    folder = tmp_path_factory.mktemp("journey")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["sim2real", "pretrain", str(write_config(folder)), "--out", str(folder / "source")])
        with pytest.raises(SystemExit) as stop:
            cli.main()
    assert not stop.value.code
    return folder


def refused(result: Result, *words: str) -> None:
    code, out, err = result
    assert code == 2, (out, err)
    assert err.startswith("error: ")
    assert "Traceback" not in out + err
    for word in words:
        assert word in err, err


def test_list_names_every_row(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = call(capsys, monkeypatch, "list")
    assert code == 0
    for name in (*ENVS, *PARAMETERS, *SHIFTS, *METHODS, "ppo", "learning_curves"):
        assert name in out
    _, out, _ = call(capsys, monkeypatch, "list", "shifts")
    assert "slippery" in out
    assert "hopper" not in out.replace("hopper's", "")
    refused(call(capsys, monkeypatch, "list", "shift"), "unknown table 'shift' (did you mean 'shifts'?)", "methods")


def test_transfer_prints_its_plan_and_counts_exactly(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, journey: Path, tmp_path: Path
) -> None:
    code, out, _ = call(
        capsys, monkeypatch, "transfer", journey / "source", "--target", "heavy", "--out", tmp_path / "run"
    )
    assert code == 0
    for words in ("encoder", "frozen", "critic_warm_up", "kept", "still"):
        assert words in out
    ledger = json.loads((tmp_path / "run" / "ledger.json").read_text())
    steps = CONTENT["budget"]["target_steps"]
    curve = [json.loads(line) for line in (tmp_path / "run" / "curve.jsonl").read_text().splitlines()]
    assert ledger["status"] == "finished"
    assert ledger["steps"] == steps
    assert curve[0]["step"] == 0
    assert curve[-1]["step"] == steps
    assert ledger["eval_steps"] > sum(point["eval_steps"] for point in curve)  # plus the source's at the end
    assert ledger["resets"] == ledger["episodes"] + CONTENT["transfer"]["num_envs"]


def test_zero_shot_return_on_the_source_is_the_source_policys_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, journey: Path, tmp_path: Path
) -> None:
    out = tmp_path / "zero"
    arguments = ("--target", "heavy", "--method", "zero_shot", "--out", out)
    assert call(capsys, monkeypatch, "transfer", journey / "source", *arguments)[0] == 0
    ledger = json.loads((out / "ledger.json").read_text())
    assert ledger["steps"] == 0
    assert ledger["source_return_after"] == ledger["source_return_before"]


def test_evaluate_shows_return_and_interval(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, journey: Path
) -> None:
    code, out, _ = call(capsys, monkeypatch, "evaluate", journey / "source", "--target", "weak", "--episodes", 5)
    assert code == 0
    assert "95 % interval" in out
    assert "2,500" in out  # five episodes of 500 steps


def test_wrong_names_are_refused_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, journey: Path, tmp_path: Path
) -> None:
    source, out = journey / "source", tmp_path / "out"
    refused(call(capsys, monkeypatch, "transfer", source, "--target", "hevy", "--out", out), "'hevy'", "heavy")
    refused(
        call(capsys, monkeypatch, "transfer", source, "--target", "heavy", "--method", "magic", "--out", out),
        "'magic'",
        "frozen_encoder",
    )
    refused(call(capsys, monkeypatch, "transfer", tmp_path / "no", "--target", "heavy", "--out", out), "no such run")
    refused(call(capsys, monkeypatch, "transfer", tmp_path, "--target", "heavy", "--out", out), "holds no run")
    refused(call(capsys, monkeypatch, "pretrain", tmp_path / "no.yaml", "--out", out), "no.yaml", "no such file")
    refused(call(capsys, monkeypatch, "evaluate", source, "--target", "hevy"), "'hevy'", "heavy")
    refused(call(capsys, monkeypatch, "report", tmp_path), "holds no benchmark")
    assert not out.exists()


def test_out_that_holds_another_run_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, journey: Path, tmp_path: Path
) -> None:
    source, config = journey / "source", journey / "small.yaml"
    before = (source / "manifest.json").read_bytes()
    refused(call(capsys, monkeypatch, "pretrain", config, "--out", source), "already holds a run", "--resume")
    refused(
        call(capsys, monkeypatch, "pretrain", config, "--seed", 7, "--out", source, "--resume"), "same run only", "seed"
    )
    refused(call(capsys, monkeypatch, "transfer", source, "--target", "heavy", "--out", source), "already holds a run")
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    (stranger / "thesis.tex").write_text("mine")
    refused(call(capsys, monkeypatch, "pretrain", config, "--out", stranger), "is not empty and holds no run")
    refused(call(capsys, monkeypatch, "pretrain", config, "--out", stranger / "thesis.tex"), "is a file")
    assert (stranger / "thesis.tex").read_text() == "mine"
    assert (source / "manifest.json").read_bytes() == before


def test_damage_is_refused_with_the_file_and_the_reason(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, journey: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(journey / "source", broken)
    for weights in broken.glob("checkpoints/*/weights.safetensors"):
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
    refused(call(capsys, monkeypatch, "evaluate", broken), "weights.safetensors", "checksum")
    (broken / "manifest.json").write_text("{")
    refused(call(capsys, monkeypatch, "evaluate", broken), "manifest.json", "damaged")
    kept = {file.relative_to(broken) for file in broken.rglob("*")}
    assert kept == {file.relative_to(journey / "source") for file in (journey / "source").rglob("*")}


def test_spaces_that_do_not_fit_are_shown_side_by_side(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, journey: Path, tmp_path: Path
) -> None:
    other = tmp_path / "hopper.yaml"
    content = {**CONTENT, "env": "hopper", "task": {"exclude_current_positions_from_observation": False}}
    other.write_text(yaml.safe_dump(content))
    arguments = ("--target", "heavy", "--config", other, "--out", tmp_path / "x")
    result = call(capsys, monkeypatch, "transfer", journey / "source", *arguments)
    refused(result, "observation checkpoint (5)", "environment (12)", "qpos.rootx")
    assert not (tmp_path / "x").exists()


def test_two_processes_on_one_run_are_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, journey: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(journey / "source", out)
    monkeypatch.setattr("sim2real.files.locking._PATIENCE", 0.2)
    arguments = ("pretrain", journey / "small.yaml", "--out", out, "--resume")
    with run.RunDirectory(out).working():
        refused(call(capsys, monkeypatch, *arguments), "another process")
    assert call(capsys, monkeypatch, *arguments)[0] == 0


def test_what_is_wrong_is_found_before_the_folder_is_made(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, journey: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.yaml"
    for change, words in (
        ({"source": {"parameters": {"body_mass": {"select": "arm", "scale": 2.0}}}}, ("source", "'arm'", "cart, pole")),
        ({"device": "mps"}, ("device", "'mps'", "valid: auto, cpu")),
    ):
        wrong.write_text(yaml.safe_dump({**CONTENT, **change}))
        refused(call(capsys, monkeypatch, "pretrain", wrong, "--out", tmp_path / "out"), *words)
        assert not (tmp_path / "out").exists()


def test_an_empty_current_folder_will_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, journey: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    assert call(capsys, monkeypatch, "pretrain", journey / "small.yaml", "--out", ".")[0] == 0
    assert (empty / "ledger.json").is_file()


def test_a_full_disk_is_one_message_and_leaves_no_half_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, journey: Path, tmp_path: Path
) -> None:
    def full(*arguments: object, **keywords: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "full" / "weights.safetensors"))

    monkeypatch.setattr("sim2real.runs.checkpoints.save_bundle", full)
    result = call(capsys, monkeypatch, "pretrain", journey / "small.yaml", "--out", tmp_path / "full")
    refused(result, "No space left on device", "weights.safetensors")
    monkeypatch.undo()
    result = call(capsys, monkeypatch, "pretrain", journey / "small.yaml", "--out", tmp_path / "full", "--resume")
    assert result[0] == 0
    newest = max((tmp_path / "full" / "checkpoints").iterdir()) / "weights.safetensors"
    expected = max((journey / "source" / "checkpoints").iterdir()) / "weights.safetensors"
    assert newest.read_bytes() == expected.read_bytes()


def test_a_run_whose_curve_is_gone_is_not_continued(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, journey: Path, tmp_path: Path
) -> None:
    shutil.copytree(journey / "source", tmp_path / "source")
    ledger = json.loads((tmp_path / "source" / "ledger.json").read_text())
    (tmp_path / "source" / "ledger.json").write_text(json.dumps({**ledger, "status": "running"}))
    (tmp_path / "source" / "curve.jsonl").unlink()
    arguments = ("pretrain", journey / "small.yaml", "--out", tmp_path / "source", "--resume")
    refused(call(capsys, monkeypatch, *arguments), "damaged", "curve.jsonl is missing")


def test_a_file_that_could_not_be_written_is_said_before_the_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, journey: Path, tmp_path: Path
) -> None:
    nowhere = ("--json", tmp_path / "nowhere" / "found.json")
    for arguments in (("check", "hopper", "--shift", "heavy"), ("advise", journey / "source", "--target", "weak")):
        refused(call(capsys, monkeypatch, *arguments, *nowhere), "--json", "no such folder", "nowhere")
        refused(call(capsys, monkeypatch, *arguments, "--json", str(tmp_path)), "--json", "is a folder")


def test_an_unfinished_run_is_not_evaluated_and_the_command_that_goes_on_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, journey: Path, tmp_path: Path
) -> None:
    half = Path(shutil.copytree(journey / "source", tmp_path / "[half]"))
    ledger = json.loads((half / "ledger.json").read_text())
    (half / "ledger.json").write_text(json.dumps({**ledger, "status": "running"}))
    for arguments in (("evaluate", half), ("check", "cartpole_swingup", "--shift", "heavy", "--policy", half)):
        result = call(capsys, monkeypatch, *arguments)
        refused(
            result,
            f"{half}: has not finished",
            f"sim2real pretrain '{half}/config.resolved.yaml' --out '{half}' --resume",
        )
    code, out, err = call(capsys, monkeypatch, "pretrain", half / "config.resolved.yaml", "--out", half, "--resume")
    assert code == 0
    assert out.startswith(f"{half}: return on the source domain ")
    assert not err


def test_a_device_is_chosen_by_an_option_where_the_runs_own_is_not_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, journey: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    moved = Path(shutil.copytree(journey / "source", tmp_path / "moved"))
    file = moved / "config.resolved.yaml"
    file.write_text(file.read_text().replace("device: auto", "device: cuda"))
    code, _, err = call(capsys, monkeypatch, "evaluate", moved, "--episodes", 1)
    assert (code, err) == (0, f"note: {moved}: its device 'cuda' is not available here; it acts on the CPU\n")
    code, _, err = call(capsys, monkeypatch, "evaluate", moved, "--episodes", 1, "--device", "cpu")
    assert (code, err) == (0, "")
    refused(call(capsys, monkeypatch, "evaluate", moved, "--device", "gpu"), "'gpu' is not available", "auto, ", "cpu")
    onto = ("transfer", moved, "--target", "heavy", "--method", "zero_shot", "--out", tmp_path / "out")
    refused(call(capsys, monkeypatch, *onto), "device: 'cuda' is not available here; valid: auto, ", "--device")
    assert not (tmp_path / "out").exists()
    assert call(capsys, monkeypatch, *onto, "--device", "cpu")[0] == 0


def test_usage_errors_have_exit_code_two(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in (["pretrain"], ["fly"], ["evaluate", "x", "--episodes", "0"]):
        code, out, err = call(capsys, monkeypatch, *arguments)
        assert code == 2
        assert "Traceback" not in out + err
