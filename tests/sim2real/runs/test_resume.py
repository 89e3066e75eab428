"""A run killed with SIGKILL at any moment and resumed ends like one that was never interrupted."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from small_runs import silent, small_config
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sim2real.runs.pretraining import pretrain
from sim2real.runs.run import RunDirectory
from sim2real.transfer.transfer import Transfer, transfer

CLOCKS = ("time/fps", "time/time_elapsed")  # how fast it went differs, that it was logged must not


def run_pretrain(out: str, seed: int) -> None:
    pretrain(small_config(seed=seed), Path(out), resume=True, num_threads=1, report=silent)


def run_transfer(out: str, source: str, method: str) -> None:
    job = Transfer(small_config(), RunDirectory.open(Path(source)), "heavy", method)
    transfer(job, Path(out), resume=True, num_threads=1, report=silent, show_plan=lambda rows: None)


def start(target: Any, *arguments: Any) -> Any:
    """Start a process that has everything imported already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["sim2real.cli.commands"])
    process = context.Process(target=target, args=arguments)
    process.start()
    return process


def run_to_end(target: Any, *arguments: Any) -> float:
    """Return the seconds it took, imports left out."""
    start(int).join()
    began = time.monotonic()
    process = start(target, *arguments)
    process.join(timeout=240)
    assert process.exitcode == 0
    return time.monotonic() - began


def run_with_kills(kills: int, within: float, rng: random.Random, target: Any, out: str, *arguments: Any) -> int:
    """Kill and resume at random moments up to `within` seconds after each start; return how many kills hit, at least 1.

    A whole run takes less than `within`, so its end, where logs are closed and the ledger is written, is hit too. On a
    machine that has become faster meanwhile the run may end before the first kill: then it begins anew, and `within` is
    what it took this time.
    """
    hits = tries = 0
    while tries < kills or not hits:
        began = time.monotonic()
        process = start(target, out, *arguments)
        process.join(timeout=rng.uniform(0.0, within))
        tries += 1
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            hits += 1
        elif not hits:
            assert process.exitcode == 0
            within = time.monotonic() - began
            shutil.rmtree(out)
        process.join()
    run_to_end(target, out, *arguments)
    return hits


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return tag -> (step, value) in the order of the events, everything in the folder."""
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0}, purge_orphaned_data=False)
    accumulator.Reload()
    return {
        tag: [(event.step, 0.0 if tag in CLOCKS else event.value) for event in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
    }


def final_weights(run: Path) -> bytes:
    newest = max((run / "checkpoints").iterdir())
    return (newest / "weights.safetensors").read_bytes()


def assert_same_run(whole: Path, killed: Path) -> None:
    assert final_weights(whole) == final_weights(killed)
    assert RunDirectory(whole).final().digest == RunDirectory(killed).final().digest
    assert (whole / "curve.jsonl").read_bytes() == (killed / "curve.jsonl").read_bytes()
    expected, found = scalars(whole / "tb"), scalars(killed / "tb")
    assert expected.keys() == found.keys()
    for tag, events in expected.items():
        assert found[tag] == events, tag
        assert len({step for step, _ in events}) == len(events), f"{tag} has a doubled step"


@pytest.mark.thorough
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_pretrain_survives_sigkill_byte_for_byte(tmp_path: Path, seed: int) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    seconds = run_to_end(run_pretrain, str(whole), seed)
    run_with_kills(6, 1.1 * seconds, random.Random(seed), run_pretrain, str(killed), seed)
    assert_same_run(whole, killed)


@pytest.mark.parametrize(
    "method", ["frozen_encoder", *(pytest.param(name, marks=pytest.mark.slow) for name in ("scratch", "zero_shot"))]
)
def test_transfer_survives_sigkill_byte_for_byte(tmp_path: Path, method: str) -> None:
    source, whole, killed = tmp_path / "source", tmp_path / "whole", tmp_path / "killed"
    run_to_end(run_pretrain, str(source), 0)
    seconds = run_to_end(run_transfer, str(whole), str(source), method)
    rng = random.Random(2)
    run_with_kills(6, 1.1 * seconds, rng, run_transfer, str(killed), str(source), method)
    assert_same_run(whole, killed)
