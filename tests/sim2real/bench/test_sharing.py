"""Several processes share a benchmark's folder: a lease per job, parts of a grid, one that is killed."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from sim2real.bench import Bench, Job, Outcome, Part, run_jobs
from sim2real.bench.claims import Claims
from sim2real.bench.ledger import BenchLedger
from sim2real.errors import UserError
from sim2real.files import lease
from sim2real.runs.progress import ProgressBoard
from tests.sim2real.bench.test_bench import begin, run_quietly, write_bench

BEAT = 0.05
JOB = Job("small", 0, None, None, {}, "source/small/seed0", None)
LEASE = "leases/source+small+seed0"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT", BEAT)
    monkeypatch.setattr(lease, "STALE", 10 * BEAT)


def test_a_job_is_of_one_process_until_it_is_given_back(tmp_path: Path, hasty: None) -> None:
    one, other = Claims(tmp_path), Claims(tmp_path)
    assert one.take(JOB)
    end = time.monotonic() + 3 * lease.STALE
    while time.monotonic() < end:  # renewed, however long it takes
        assert not other.take(JOB)
        time.sleep(BEAT)
    one.release(JOB)
    assert other.take(JOB)
    assert other.predecessor(JOB) == ""
    other.release_all()
    assert not (tmp_path / LEASE).exists()


def test_the_job_of_a_process_that_has_ended_is_taken_over(tmp_path: Path, hasty: None) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    owner = lease.this_process() | {"pid": ended.pid, "id": "x"}
    file, claims = tmp_path / LEASE, Claims(tmp_path)
    file.parent.mkdir()
    file.write_text(json.dumps(owner))
    assert claims.take(JOB)  # at once: its number is known here
    assert f"process {ended.pid} on " in claims.predecessor(JOB)
    claims.release(JOB)
    file.write_text(json.dumps(owner | {"numbers": "another machine of the same name"}))
    began = time.monotonic()
    while not claims.take(JOB):
        time.sleep(BEAT)
    assert time.monotonic() - began >= lease.STALE
    assert not claims.lost(JOB)
    file.write_text(json.dumps(owner))
    time.sleep(5 * BEAT)
    assert claims.lost(JOB)
    claims.release(JOB)
    assert json.loads(file.read_text()) == owner  # the other one's stays


def outcomes(root: Path, jobs: list[Job], error: str | None) -> list[Outcome]:
    found: list[Outcome] = []
    with ProgressBoard(Console(file=io.StringIO())) as board:
        run_jobs(jobs, root, board, found.append, 1, ended_elsewhere=lambda job: Outcome(job, error, elsewhere=True))
    return found


@pytest.mark.parametrize("error", [None, "fell over"])
def test_what_another_process_has_been_through_with_is_not_run_again(tmp_path: Path, error: str | None) -> None:
    other = Claims(tmp_path)
    assert other.take(JOB)
    timer = threading.Timer(0.7, other.release_all)
    timer.start()
    began = time.monotonic()
    transfer = Job("small", 0, "heavy", "fine_tune", {}, "transfer/small", JOB.path)
    found = outcomes(tmp_path, [JOB, transfer], error)
    timer.join()
    assert time.monotonic() - began >= 0.7
    assert found[0] == Outcome(JOB, error, elsewhere=True)
    expected = Outcome(transfer, None, elsewhere=True)
    if error:
        expected = Outcome(transfer, "its source agent failed (source/small/seed0): fell over")
    assert found[1:] == [expected]


def test_a_failure_in_another_process_counts_once(tmp_path: Path) -> None:
    ledger = BenchLedger(tmp_path)
    before = ledger.read()
    assert ledger.failed_since(JOB, before) is None
    ledger.record(JOB, "fell over")
    assert ledger.failed_since(JOB, before) == "fell over"
    later = ledger.read()
    assert ledger.failed_since(JOB, later) is None  # one that begins now tries again
    ledger.record(JOB, None)
    assert ledger.failed_since(JOB, later) is None
    assert ledger.read() == {JOB.path: {"status": "finished", "error": None, "attempts": 2}}


def test_parts_have_every_job_on_a_target_once_and_what_it_begins_from(tmp_path: Path) -> None:
    jobs = begin(write_bench(tmp_path, [0, 1, 2]), tmp_path / "out").jobs
    for number in (1, 2, 4, 9, 20):
        parts = [Part.parse(f"{i}/{number}").select(jobs) for i in range(1, number + 1)]
        transfers = [job for part in parts for job in part if job.target is not None]
        assert transfers == [job for job in jobs if job.target is not None]
        for part in parts:
            assert {job.path for job in part if job.target is None} == {job.source for job in part if job.source}
            assert part == [job for job in jobs if job in part]
    for text in ("0/4", "5/4", "1", "1/0", "a/b", "-1/2", " 1/2"):
        with pytest.raises(UserError, match=r"--jobs: .*expected i/n"):
            Part.parse(text)


def start(file: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from sim2real.cli import main; main()", "bench", str(file), "--out", str(out)]
    command += ["--processes", "1", *options]
    environment = os.environ | {"COLUMNS": "200"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


@pytest.fixture
def four(tmp_path: Path) -> Iterator[tuple[Path, list[subprocess.Popen[str]]]]:
    file, out = write_bench(tmp_path, [0, 1]), tmp_path / "shared"
    processes = [start(file, out) for _ in range(3)] + [start(file, out, "--jobs", "2/2")]
    yield out, processes
    for process in processes:
        process.kill()


def kill_at_work(process: subprocess.Popen[str], out: Path) -> str:
    """Kill a process that has just begun to train, its workers left to themselves; return the path of the job."""
    while process.poll() is None:
        for file in (out / "leases").glob("*seed?"):
            owner, path = parse(file), file.name.replace("+", "/")
            if owner.get("pid") == process.pid and (out / path / "tb").exists():
                os.kill(process.pid, signal.SIGKILL)
                return path
        time.sleep(0.01)
    raise AssertionError("it ended before it could be killed")


def parse(file: Path) -> dict[str, object]:
    """What a lease says; nothing if it is being written or is gone."""
    try:
        return dict(json.loads(file.read_text()))
    except (ValueError, FileNotFoundError):
        return {}


@pytest.mark.thorough
def test_four_processes_share_a_folder_and_one_that_is_killed_loses_nothing(
    four: tuple[Path, list[subprocess.Popen[str]]], tmp_path: Path
) -> None:
    """No job is done twice, and the results are those of a benchmark that grew in one process."""
    out, processes = four
    victim = kill_at_work(processes[0], out)
    texts = [process.communicate(timeout=500)[0] for process in processes]
    assert [process.returncode for process in processes] == [-signal.SIGKILL, 0, 0, 0]
    (tmp_path / "elsewhere").mkdir()
    alone = tmp_path / "alone"
    run_quietly(begin(write_bench(tmp_path / "elsewhere", [1]), alone))
    run_quietly(grown := begin(write_bench(tmp_path / "elsewhere", [0, 1]), alone))
    shared = Bench.open(out)
    assert {row["attempts"] for row in BenchLedger(out).read().values()} == {1}
    assert {record.status for record in shared.results().records} == {"finished"}
    assert not list((out / "leases").iterdir())
    assert sum("taken over" in text for text in texts) == 1
    events = {job.path: len(list((out / job.path / "tb").glob("*tfevents*"))) for job in shared.jobs}
    for job in shared.jobs:
        for name in ("curve.jsonl", "manifest.json", "config.resolved.yaml"):
            assert (out / job.path / name).read_bytes() == (alone / job.path / name).read_bytes(), job.path
        weights = [sorted((root / job.path).glob("checkpoints/*/weights.safetensors")) for root in (out, alone)]
        assert [file.read_bytes() for file in weights[0]] == [file.read_bytes() for file in weights[1]]
    assert shared.report().csv.read_bytes() == grown.report().csv.read_bytes()
    assert all(number == 1 for path, number in events.items() if path != victim)
