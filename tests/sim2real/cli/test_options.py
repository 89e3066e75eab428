"""Options that bend a configuration: --set, --steps, --severity, --device; JSON, several targets, names."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_runs import CONTENT, write_config

from sim2real.bench import find_bench_config, load_bench_config
from sim2real.cli import commands
from sim2real.config.overrides import Override
from tests.sim2real.cli.test_cli import call, refused

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pretrained run whose steps, budget and seed come from the command line."""
    folder = tmp_path_factory.mktemp("options")
    with pytest.MonkeyPatch.context() as patch:
        changes = ("--set", "budget.source_evaluations=1", "--set", "agent.settings.encoder={widths: [8]}")
        line = ("pretrain", write_config(folder), "--out", folder / "source", "--steps", "512", "--seed", "4", *changes)
        patch.setattr("sys.argv", ["sim2real", *map(str, line), "--threads", "1"])
        with pytest.raises(SystemExit) as stop:
            commands.main()
    assert not stop.value.code
    return folder / "source"


def resolved(run: Path) -> dict[str, Any]:
    content = yaml.safe_load((run / "config.resolved.yaml").read_text())
    assert isinstance(content, dict)
    return content


def test_overrides_are_in_the_resolved_configuration_and_resume_with_them(
    source: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    content = resolved(source)
    assert (content["budget"]["source_steps"], content["budget"]["source_evaluations"], content["seed"]) == (512, 1, 4)
    assert content["agent"]["settings"]["encoder"] == {"widths": [8]}
    before = (source / "curve.jsonl").read_bytes()
    line = ("pretrain", source.parent / "small.yaml", "--out", source, "--resume", "--seed", 4, "--steps", 512)
    changes = ("--set", "budget.source_evaluations=1", "--set", "agent.settings.encoder={widths: [8]}")
    assert call(capsys, monkeypatch, *line, *changes)[0] == 0
    assert (source / "curve.jsonl").read_bytes() == before
    words = ("--resume continues the same run only", "agent.settings.encoder.widths")
    refused(call(capsys, monkeypatch, *line, "--set", "budget.source_evaluations=1"), *words)


def test_a_transfers_severity_and_steps_are_options(
    source: Path, tmp_path: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    line = ("transfer", source, "--target", "weak", "--out", tmp_path / "run", "--severity", "0.1", "--steps", 256)
    line = (*line, "--set", "budget.evaluations=1", "--device", "cpu", "--threads", 1)
    assert call(capsys, monkeypatch, *line)[0] == 0
    content = resolved(tmp_path / "run")
    assert content["targets"]["weak"] == {**CONTENT["targets"]["heavy"], "shift": "weak", "severity": 0.1} | {
        "fidelity": "nominal",
        "parameters": {},
    }
    assert (content["budget"]["target_steps"], content["device"]) == (256, "cpu")
    assert json.loads((tmp_path / "run" / "ledger.json").read_text())["steps"] == 256
    assert call(capsys, monkeypatch, *line, "--resume")[0] == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--set", "budget.target_steps=101"), ("error: --set budget.target_steps=101: budget.target_steps: 101 is",)),
        (("--steps", "3"), ("error: --steps 3: budget.target_steps: 3 is not a multiple of num_envs 4",)),
        (("--severity", "much"), ("error: --severity much: targets.heavy.severity: unknown level 'much'",)),
        (("--severity", "-1"), ("error: --severity -1: targets.heavy: severity: must be >= 0",)),
        (("--device", "tpu"), ("error: --device tpu: device: unknown device 'tpu'", "cuda")),
        (("--set", "budget.steps=1"), ("--set budget.steps=1: budget.steps: unknown key 'steps'", "target_steps")),
        (("--set", "seed"), ("--set seed: expected key=value",)),
        (("--set", "seed=[1"), ("--set seed=[1: not valid YAML",)),
        (("--set", "seed=!!python/name:os.system 1"), ("not valid YAML",)),
        (("--set", "seed.x=1"), ("--set seed.x=1: seed is one value, 4; set it as a whole",)),
        (("--set", "transfer.num_envs=3"), ("config.resolved.yaml with --set transfer.num_envs=3: budget.target",)),
    ],
)
def test_a_wrong_option_is_named_and_nothing_is_written(
    options: tuple[str, ...],
    words: tuple[str, ...],
    source: Path,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: Patch,
) -> None:
    line = ("transfer", source, "--target", "heavy", "--out", tmp_path / "run")
    refused(call(capsys, monkeypatch, *line, *options), *words)
    assert not (tmp_path / "run").exists()


def test_evaluate_prints_json_and_nothing_else(source: Path, tmp_path: Path) -> None:
    """In a process of its own: nobody else may write to its standard output."""
    targets = ("--target", "heavy", "--target", "weak", "--severity", "0.2")
    line = ["evaluate", str(source), *targets, "--episodes", "2", "--json", "--threads", "1"]
    main = "from sim2real.cli.commands import main; main()"
    found = subprocess.run([sys.executable, "-c", main, *line], capture_output=True, text=True, check=True)
    heavy, weak = json.loads(found.stdout)
    assert [heavy["target"], weak["target"]] == ["heavy", "weak"]
    assert heavy["domain"]["parameters"]["body_mass"] == [{"scale": 1.2}]
    assert weak["domain"]["parameters"]["actuator_strength"] == [{"scale": 0.8}]
    for row in (heavy, weak):
        assert row["return_low"] <= row["return"] == sum(row["returns"]) / 2 <= row["return_high"]
        assert row["steps"] == sum(row["lengths"]) == 1000


def test_several_targets_are_rows_of_one_table(source: Path, capsys: Capture, monkeypatch: Patch) -> None:
    line = ("evaluate", source, "--target", "heavy", "--target", "bare", "--episodes", 2, "--threads", 1)
    code, out, _ = call(capsys, monkeypatch, *line, "--set", "targets.bare={parameters: {}}")
    assert code == 0
    assert out.count("95 % interval") == 1
    assert "bare: reward terms an episode: " in out
    refused(call(capsys, monkeypatch, *line), "unknown target 'bare'")
    refused(call(capsys, monkeypatch, "evaluate", source, "--severity", 1), "--severity 1: a severity belongs to a tar")


def test_a_benchmark_has_a_name_and_a_wrong_one_gives_their_list(
    tmp_path: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    out = tmp_path / "bench"
    words = ("smoky: no such file (did you mean 'smoke'?)", "demo, methods, methods_sac, smoke")
    refused(call(capsys, monkeypatch, "bench", "smoky", "--out", out), *words)
    changes = ("--set", "seeds=[0, 0]")
    refused(call(capsys, monkeypatch, "bench", "smoke", "--out", out, *changes), "error: --set seeds=[0, 0]: seeds: [0")
    changes = ("--set", "overrides.budget.target_steps=100")
    refused(
        call(capsys, monkeypatch, "bench", "smoke", "--out", out, *changes), "budget.target_steps: 100 is not a mul"
    )
    refused(
        call(capsys, monkeypatch, "bench", "smoke", "--out", out, "--steps", 100), "target_steps: 100 is not a mult"
    )
    refused(call(capsys, monkeypatch, "pretrain", "hoper", "--out", out), "did you mean 'hopper'?", "ant, cartpole")
    assert not out.exists()


def test_steps_and_device_of_a_benchmark_are_those_of_every_run() -> None:
    changes = {"environments": ["hopper", "ant"], "environment_overrides": {"ant": {"budget": {"target_steps": 1}}}}
    overrides = [Override(key, value, "--set") for key, value in changes.items()]
    of_runs = [Override("budget.target_steps", 64, "--steps 64"), Override("device", "cpu", "--device cpu")]
    grid = load_bench_config(find_bench_config(Path("smoke")), overrides, of_runs)
    assert (grid.overrides["budget"]["target_steps"], grid.overrides["device"]) == (64, "cpu")
    assert grid.overrides["budget"]["source_steps"] == 4096
    assert grid.environment_overrides == {"ant": {"budget": {"target_steps": 64}}}


def test_single_transfers_are_reported(source: Path, tmp_path: Path, capsys: Capture, monkeypatch: Patch) -> None:
    run = tmp_path / "zero"
    line = ("transfer", source, "--target", "heavy", "--method", "zero_shot", "--out", run, "--threads", 1)
    assert call(capsys, monkeypatch, *line)[0] == 0
    code, out, _ = call(capsys, monkeypatch, "report", source, run, "--out", tmp_path / "report")
    assert code == 0
    ledger = json.loads((run / "ledger.json").read_text())
    curve = [json.loads(line)["return"] for line in (run / "curve.jsonl").read_text().splitlines()]
    row = next(line for line in out.splitlines() if "zero_shot, 4" in line)
    numbers = (curve[0], curve[-1], 0, ledger["source_return_before"], ledger["source_return_after"])
    assert row.split()[-5:] == [f"{number:,.1f}" if isinstance(number, float) else "0" for number in numbers]
    assert (tmp_path / "report" / "report.html").is_file()
    refused(call(capsys, monkeypatch, "report", source, run), "--out: say where")
    refused(call(capsys, monkeypatch, "report", source), "a report is of transfers, these are source agents")
    refused(call(capsys, monkeypatch, "report", run, tmp_path, "--out", tmp_path / "no"), "is a run", "is none")


@pytest.mark.parametrize(("command", "allowed"), [("--help", set()), ("list", {"mujoco"})])
def test_what_only_shows_words_imports_nothing_heavy(command: str, allowed: set[str]) -> None:
    """Torch alone takes seconds to import."""
    heavy = {"torch", "stable_baselines3", "mujoco", "scipy.special", "pandas", "matplotlib", "plotly", "tensorboard"}
    script = (
        f"import sys\nfrom sim2real.cli.commands import main\nsys.argv = ['sim2real', {command!r}]\n"
        f"try:\n    main()\nexcept SystemExit:\n    pass\nprint(*({heavy} & set(sys.modules)), file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "transfer" in found.stdout
    assert set(found.stderr.split()) <= allowed
