"""What lies in a run's folder is that run's and whole, or it is said: configuration, checkpoints, links, versions."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from small_runs import CONTENT, silent, small_config

from agents import CheckpointError
from sim2real.bench.collect import has_finished
from sim2real.bench.grid import Job
from sim2real.bench.worker import _carry_out
from sim2real.calibrate.checking import Checks
from sim2real.config.config import RunConfig
from sim2real.errors import UserError
from sim2real.runs import run as run_module
from sim2real.runs.building import load_agent
from sim2real.runs.pretraining import pretrain
from sim2real.runs.run import RunDirectory

BUDGET = {**CONTENT["budget"], "source_steps": 256, "target_steps": 128, "source_evaluations": 2, "eval_episodes": 1}


def config(**budget: Any) -> RunConfig:
    return small_config(budget={**BUDGET, **budget})


def train(out: Path, resume: bool = True, **budget: Any) -> RunDirectory:
    return pretrain(config(**budget), out, resume=resume, num_threads=1, report=silent)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("made") / "run").path


@pytest.fixture
def run(made: Path, tmp_path: Path) -> RunDirectory:
    return RunDirectory(Path(shutil.copytree(made, tmp_path / "run")))


def contents(folder: Path) -> dict[str, bytes]:
    """Return the run's files but for those that hold the time or say who works on it."""
    clocks = ("ledger.json", "manifest.json", ".lock")
    files = (f for f in folder.rglob("*") if f.is_file() and f.name not in clocks and "tb" not in f.parts)
    return {str(f.relative_to(folder)): f.read_bytes() for f in files}


def damage(run: RunDirectory, index: int) -> None:
    file = sorted((run.path / "checkpoints").iterdir())[index] / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"x")


def set_ledger(run: RunDirectory, **changes: Any) -> None:
    (run.path / "ledger.json").write_text(json.dumps({**run.ledger(), **changes}))


def test_resume_says_which_keys_differ(run: RunDirectory) -> None:
    for changes, words in (
        ({"budget": {**BUDGET, "source_steps": 512}}, "differs in config.budget.source_steps: there 256, asked 512;"),
        ({"budget": BUDGET, "seed": 3}, "differs in seed: there 0, asked 3; config.seed: there 0, asked 3;"),
        ({"budget": BUDGET, "targets": {}}, "config.targets.heavy: there {.*, asked nothing"),
    ):
        with pytest.raises(UserError, match=f"continues the same run only; {words}" if "differs" in words else words):
            pretrain(small_config(**changes), run.path, resume=True, num_threads=1, report=silent)


def test_a_configuration_that_was_edited_is_refused_wherever_it_is_read(run: RunDirectory) -> None:
    file = run.path / "config.resolved.yaml"
    content = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**content, "device": "cuda"}))  # the one thing that a move to elsewhere may change
    assert run.config().device == "cuda"
    for edited in ({**content, "seed": 1}, {**content, "device": "cuda", "targets": {}}, {**content, "extra": 1}):
        file.write_text(yaml.safe_dump(edited))
        for read in (
            run.config,
            lambda: train(run.path),
            lambda: Checks("cartpole_swingup", shifts=["heavy"], policy=run.path),
        ):
            with pytest.raises(UserError, match=r"config.resolved.yaml: was changed after the run had begun"):
                read()


def test_a_run_of_a_gpu_acts_on_the_cpu_and_says_so(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    on_gpu = run.config().model_copy(update={"device": "cuda"})
    agent, _ = load_agent(run, on_gpu)
    assert agent.device.type == "cpu"
    assert caplog.messages == [f"{run.path}: its device 'cuda' is not available here; it acts on the CPU"]
    assert load_agent(run, on_gpu, "cpu")[0].device.type == "cpu"
    assert len(caplog.messages) == 1  # who asks for the CPU needs no note
    for refused in (
        lambda: load_agent(run, on_gpu, "cuda"),
        lambda: pretrain(on_gpu, run.path.parent / "new", resume=False, num_threads=1, report=silent),
    ):
        with pytest.raises(UserError, match=r"device: 'cuda' is not available here; valid: auto, .*--device"):
            refused()


def test_half_a_run_is_not_a_whole_one(run: RunDirectory) -> None:
    set_ledger(run, status="running")
    again = f"has not finished; .*: sim2real pretrain {run.path}/config.resolved.yaml --out {run.path} --resume"
    with pytest.raises(UserError, match=again):
        Checks("cartpole_swingup", shifts=["heavy"], policy=run.path)
    set_ledger(run, status="finished")
    shutil.rmtree(max((run.path / "checkpoints").iterdir()))  # the one before it would pass for it
    with pytest.raises(UserError, match="the checkpoint of its end, step 256, is missing; --resume goes on"):
        load_agent(run, run.config())


@pytest.mark.parametrize("harm", ["damaged", "missing"])
def test_a_finished_run_without_its_end_is_brought_to_its_end_again(
    harm: str, run: RunDirectory, made: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if harm == "damaged":
        damage(run, -1)
        with pytest.raises(CheckpointError, match=r"weights.safetensors: checksum differs .*; --resume goes on"):
            run.final()
    else:
        shutil.rmtree(max((run.path / "checkpoints").iterdir()))
    assert run.finished
    assert not run.complete
    train(run.path)
    assert run.complete
    assert contents(run.path) == contents(made)
    assert any("had finished, but the checkpoint of its end is not sound" in text for text in caplog.messages)


def test_a_bench_does_not_take_a_damaged_run_for_a_finished_one(run: RunDirectory) -> None:
    job = Job("cartpole", 0, None, None, config().model_dump(mode="json"), "run", None)
    assert has_finished(run.path.parent, job)
    damage(run, -1)
    assert not has_finished(run.path.parent, job)


def test_a_bench_writes_no_run_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "source").symlink_to("elsewhere")
    job = Job("cartpole", 0, None, None, config().model_dump(mode="json"), "source/cartpole/seed0", None)
    with pytest.raises(UserError, match=r"source: is a symbolic link \(to elsewhere\)"):
        _carry_out(job, {}, tmp_path, silent)  # type: ignore[arg-type]
    assert not any((tmp_path / "elsewhere").iterdir())


def test_without_any_sound_checkpoint_resume_fails_with_the_remedy(run: RunDirectory) -> None:
    damage(run, 0)
    damage(run, 1)
    with pytest.raises(UserError, match=r"no usable checkpoint \(.*checksum differs.*begin it anew"):
        train(run.path)


def test_no_half_of_a_dropped_checkpoint_is_left(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run.path / "checkpoints"
    shutil.copytree(min(folder.iterdir()), folder / "0000000016")
    kept = {path.name for path in folder.iterdir()} - {"0000000016"}

    def killed(path: Path) -> None:
        (path / "manifest.json").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            run.prune()
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == kept
    assert not any(path.name.isdigit() for path in folder.iterdir() if path.name not in kept)
    run.prune()
    assert {path.name for path in folder.iterdir()} == kept


def test_a_users_folders_among_the_checkpoints_are_left_alone(run: RunDirectory, made: Path) -> None:
    set_ledger(run, status="running")
    damage(run, -1)
    names = ["7", "\xb2", "0000000000\u0663", "notes", "99999999999.copy"]
    for name in names:
        (run.path / "checkpoints" / name).mkdir()
    (run.path / "checkpoints" / "0000099999").write_text("a file")
    train(run.path)
    assert all((run.path / "checkpoints" / name).is_dir() for name in names)
    assert RunDirectory(made).final().digest == run.final().digest


LINKS: dict[str, Callable[[Path, Path], None]] = {
    ".lock": lambda run, victim: None,
    ".lease": lambda run, victim: None,
    "ledger.json": lambda run, victim: None,
    "curve.jsonl": lambda run, victim: None,
    "manifest.json": lambda run, victim: shutil.copy(run / "manifest.json", victim),
    "tb": lambda run, victim: None,
    "checkpoints": lambda run, victim: None,
    "checkpoints/.0000000256.writing": lambda run, victim: None,
    "tb/events.out.tfevents.1": lambda run, victim: None,
}


@pytest.mark.parametrize("name", LINKS)
def test_nothing_is_written_through_a_link_in_a_runs_folder(name: str, run: RunDirectory, tmp_path: Path) -> None:
    set_ledger(run, status="running")
    victim, place = tmp_path / "victim", run.path / name
    victim.mkdir() if place.is_dir() or name.endswith("writing") else victim.write_text("mine")
    LINKS[name](run.path, victim)
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.symlink_to(victim)
    if name == "ledger.json":
        victim.write_text('{"status": "running"}')
    before = victim.read_text() if victim.is_file() else None
    with pytest.raises(UserError, match=rf"{name}: is a symbolic link \(to {victim}\) and would be written through"):
        train(run.path)
    assert victim.read_text() == before if victim.is_file() else not any(victim.iterdir())


@pytest.mark.parametrize("name", [".lock", "curve.jsonl"])
def test_nothing_is_written_to_a_file_of_two_names(name: str, run: RunDirectory, tmp_path: Path) -> None:
    set_ledger(run, status="running")
    victim, place = tmp_path / "victim", run.path / name
    shutil.copy(place, victim) if place.exists() else victim.write_text("mine")
    before = victim.read_text()
    place.unlink(missing_ok=True)
    place.hardlink_to(victim)
    with pytest.raises(UserError, match=rf"{name}: is a hard link, 2 names of one file"):
        train(run.path)
    assert victim.read_text() == before


def test_a_fifo_in_place_of_a_lock_does_not_hang(run: RunDirectory) -> None:
    (run.path / ".lock").unlink(missing_ok=True)
    os.mkfifo(run.path / ".lock")
    with pytest.raises(UserError, match=r"\.lock: is neither a file nor a folder"):
        train(run.path)


def test_other_versions_and_lost_events_are_said_on_resume(
    run: RunDirectory, made: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(max((run.path / "checkpoints").iterdir()))
    set_ledger(run, status="running")
    shutil.rmtree(run.tb)
    now = {**run.manifest()["versions"], "torch": "9.9"}
    monkeypatch.setattr(run_module, "collect_versions", lambda: now)
    caplog.set_level(logging.WARNING, "sim2real")
    train(run.path)
    begun = run.manifest()["versions"]["torch"]
    assert (
        f"goes on under other versions, results may differ: torch: begun with {begun!r}, goes on with '9.9'"
        in caplog.text
    )
    assert "missing: TensorBoard shows it from step" in caplog.text
    caplog.clear()
    train(run.path)
    assert not caplog.messages  # a run that is whole is not continued


def start(out: str, results: Any) -> None:
    try:
        train(Path(out), resume=False)
        results.put("made")
    except UserError as error:
        results.put(str(error))


def test_of_several_starts_at_once_one_makes_the_run_and_the_others_say_so(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    processes = [context.Process(target=start, args=(str(tmp_path / "run[0]"), results)) for _ in range(3)]
    for process in processes:
        process.start()
    found = sorted(results.get(timeout=120) for _ in processes)
    for process in processes:
        process.join()
    assert found[2] == "made"
    assert all(
        "already holds a run (pretrain, seed 0); choose another --out, or add --resume" in text for text in found[:2]
    )
    assert [path.name for path in tmp_path.iterdir()] == ["run[0]"]
