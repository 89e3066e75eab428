"""Benchmarks: jobs run once, failures are shown and tried again, Ctrl-C leaves everything continuable."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from rich.console import Console
from small_runs import small_content

from sim2real.bench import Bench, load_bench_config
from sim2real.errors import UserError
from sim2real.records import load_results

METHODS = ["zero_shot", "scratch", "frozen_encoder"]


def write_bench(folder: Path, seeds: list[int]) -> Path:
    (folder / "small.yaml").write_text(yaml.safe_dump(small_content()))
    bench = {"name": "small", "environments": ["small.yaml"], "targets": ["heavy"], "methods": METHODS, "seeds": seeds}
    file = folder / "bench.yaml"
    file.write_text(yaml.safe_dump(bench))
    return file


def begin(file: Path, out: Path) -> Bench:
    return Bench.begin(out, load_bench_config(file), file.parent)


def run_quietly(bench: Bench) -> str:
    text = io.StringIO()
    bench.run(Console(file=text, width=200))
    return text.getvalue()


def test_a_bench_runs_reports_skips_and_tells_of_failures(tmp_path: Path) -> None:
    file, out = write_bench(tmp_path, [0, 1]), tmp_path / "out"
    bench = begin(file, out)
    text = run_quietly(bench)
    assert text.count("finished") == len(bench.jobs) == 2 * (1 + len(METHODS))
    results = bench.results()
    assert [r.status for r in results.records] == ["finished"] * 2 * len(METHODS)
    for record in results.records:
        assert record.target_steps == (0 if record.method == "zero_shot" else 1024)
        assert record.steps[-1] == record.target_steps
        assert (record.frozen_digest is not None) == (record.method != "scratch")
    by_key = {(r.method, r.seed): r for r in results.records}
    for seed in (0, 1):  # a policy that is carried over starts where zero_shot stands, to the bit
        assert by_key["frozen_encoder", seed].returns[0] == by_key["zero_shot", seed].returns[0]
    paths = bench.report()
    assert load_results(paths.json).records == results.records
    for path in (paths.html, paths.markdown, paths.csv):
        assert "frozen_encoder" in path.read_text()

    stamps = {job.path: (out / job.path / "ledger.json").stat().st_mtime_ns for job in bench.jobs}
    assert "skipped" in run_quietly(Bench.open(out))
    assert stamps == {job.path: (out / job.path / "ledger.json").stat().st_mtime_ns for job in bench.jobs}

    damaged = out / "source/small/seed1/checkpoints"
    for weights in damaged.glob("*/weights.safetensors"):
        weights.write_bytes(b"")
    (out / "transfer/small/heavy/frozen_encoder/seed1/ledger.json").unlink()
    assert "FAILED" in run_quietly(begin(file, out))
    failed = [r for r in bench.results().records if r.status == "failed"]
    assert [(r.method, r.seed) for r in failed] == [("frozen_encoder", 1)]
    assert "weights.safetensors" in (failed[0].error or "")
    assert "weights.safetensors" in bench.report().html.read_text()


def test_a_folder_of_another_bench_is_refused(tmp_path: Path) -> None:
    file, out = write_bench(tmp_path, [0]), tmp_path / "out"
    begin(file, out)
    begin(file, out)  # the same one is taken up
    with pytest.raises(UserError, match="already holds another benchmark"):
        begin(write_bench(tmp_path, [1]), out)
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    (stranger / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match="holds no benchmark"):
        begin(file, stranger)


def test_a_bench_that_never_ran_reports_what_is_missing(tmp_path: Path) -> None:
    bench = begin(write_bench(tmp_path, [0]), tmp_path / "out")
    assert {r.status for r in bench.results().records} == {"missing"}
    assert "missing" in bench.report().markdown.read_text()


def start_bench(file: Path, out: Path) -> subprocess.Popen[bytes]:
    """Start the command in a process group of its own and wait until its first job trains."""
    command = [sys.executable, "-c", "from sim2real.cli import main; main()", "bench", str(file), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    while not (out / "source/small/seed0/tb").exists() and process.poll() is None:
        time.sleep(0.01)
    return process


def test_a_killed_launcher_takes_its_workers_along_and_the_bench_continues(tmp_path: Path) -> None:
    file, out = write_bench(tmp_path, [0]), tmp_path / "out"
    process = start_bench(file, out)
    process.kill()  # SIGKILL, the launcher alone: nothing can be tidied up
    process.communicate(timeout=60)
    bench = Bench.open(out)
    assert "FAILED" not in run_quietly(bench)  # waits until the orphan has let go of its run
    results = bench.results()
    assert {r.status for r in results.records} == {"finished"}
    for record in results.records:
        assert len(set(record.steps.tolist())) == len(record.steps)


def test_one_unreadable_run_does_not_hide_the_others(tmp_path: Path) -> None:
    bench = begin(write_bench(tmp_path, [0]), tmp_path / "out")
    for job in bench.jobs[1:]:
        folder = bench.path / job.path
        folder.mkdir(parents=True)
        (folder / "ledger.json").write_text("[1]" if job.method == "scratch" else '{"status": "finished", "steps": 9}')
        (folder / "curve.jsonl").write_text('{"step": 8, "return": 1, "return_sd": 0}\n' * 2)
    assert {r.status for r in bench.results().records} == {"failed"}
    assert "damaged" in bench.report().markdown.read_text()


def test_ctrl_c_leaves_a_bench_that_continues(tmp_path: Path) -> None:
    file, out = write_bench(tmp_path, [0]), tmp_path / "out"
    process = start_bench(file, out)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in error
    assert b"the same command continues" in error
    assert (out / "report/report.html").exists()
    bench = Bench.open(out)
    run_quietly(bench)
    assert {r.status for r in bench.results().records} == {"finished"}
    ledger = json.loads((out / "ledger.json").read_text())
    assert {entry["status"] for entry in ledger.values()} == {"finished"}
