"""A disk that is full or takes no larger file: one message with file and remedy, nothing half written, no traceback."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from agents import save_bundle
from sim2real.errors import explain
from sim2real.files.files import make_folder, write_atomic
from sim2real.runs.monitor import Monitor
from sim2real.runs.run_logs import RunLogs


@contextmanager
def limited(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def log_a_lot(folder: Path) -> None:
    monitor = Monitor(folder / "tb")
    for step in range(100):
        monitor.digests({"encoder": "0" * 64}, step)
        monitor.flush()


WRITERS: dict[str, Callable[[Path], object]] = {
    "report.html": lambda folder: write_atomic(folder / "report.html", "x" * 5000),
    "config.yaml": lambda folder: make_folder(folder / "run", {"config.yaml": "x" * 5000}),
    "curve.jsonl": lambda folder: RunLogs(folder).append_curve({"text": "x" * 5000}),
    "weights.safetensors": lambda folder: save_bundle(
        folder / "0000000001", weights={"w": torch.zeros(2000)}, state={}, meta={}
    ),
    "state.safetensors": lambda folder: save_bundle(
        folder / "0000000001", weights={}, state={"w": torch.zeros(2000)}, meta={}
    ),
    "manifest.json": lambda folder: save_bundle(folder / "0000000001", weights={}, state={}, meta={"x": "x" * 5000}),
    "tb": log_a_lot,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_grows_too_large_is_named(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with limited(4000), pytest.raises(OSError, match="File too large") as caught:
        WRITERS[name](tmp_path)
    message = explain(caught.value)
    assert message.startswith(str(tmp_path))
    assert name in message.partition(": File too large; ")[0]
    assert "ulimit -f" in message
    assert "Traceback" not in capfd.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} <= {"tb", "curve.jsonl"}  # nothing is left half written


@pytest.mark.parametrize(
    ("number", "remedy"), [(errno.ENOSPC, "make room there"), (errno.EFBIG, "ulimit -f"), (errno.EDQUOT, "your quota")]
)
def test_a_full_disk_is_one_message_with_the_file_and_the_remedy(number: int, remedy: str) -> None:
    message = explain(OSError(number, os.strerror(number), "run/x.json"))
    assert message.startswith(f"run/x.json: {os.strerror(number)}; ")
    assert remedy in message
