"""One process works on a folder at a time, also where a file system has no locks, and the message says who it is."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest

from sim2real.errors import UserError, explain
from sim2real.files import lease, locking
from sim2real.files.locking import working_on

BEAT = 0.05


@pytest.fixture(params=["lock", *("ENOLCK", "EOPNOTSUPP", "ENOSYS")])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file system with locks, or one without, and no patience."""
    monkeypatch.setattr(locking, "_PATIENCE", 0.3)
    monkeypatch.setattr(lease, "BEAT", BEAT)
    monkeypatch.setattr(lease, "STALE", 10 * BEAT)
    if request.param != "lock":
        number = getattr(errno, request.param)

        def refuse(*arguments: Any) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(fcntl, "flock", refuse)
    return str(request.param)


def test_a_second_one_is_refused_and_learns_who_the_first_is(kind: str, tmp_path: Path) -> None:
    with working_on(tmp_path) as require:
        message = rf"another process \(process {os.getpid()} on .*, since 20.*\) is working on it"
        with pytest.raises(UserError, match=message), working_on(tmp_path):
            pass
        require()
    with working_on(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]  # a lease is given back


def work_for_ever(folder: str, ready: Any) -> None:
    with working_on(Path(folder)):
        ready.set()
        time.sleep(60)


def test_a_killed_one_is_followed_at_once(kind: str, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")  # takes the file system's fixture along
    ready = context.Event()
    process = context.Process(target=work_for_ever, args=(str(tmp_path), ready), daemon=True)
    process.start()
    assert ready.wait(10)
    process.kill()
    process.join()
    with working_on(tmp_path) as require:
        require()


@pytest.mark.parametrize("kind", ["ENOLCK"], indirect=True)
@pytest.mark.parametrize("text", ['{"host": "elsewhere", "pid": 1, "since": "2026", "id": "x"}', "", "[" * 10_000])
def test_a_lease_that_nobody_renews_is_taken_over(kind: str, text: str, tmp_path: Path) -> None:
    (tmp_path / ".lease").write_text(text)
    began = time.monotonic()
    with working_on(tmp_path):
        assert time.monotonic() - began >= lease.STALE
        assert json.loads((tmp_path / ".lease").read_text())["pid"] == os.getpid()


@pytest.mark.parametrize("kind", ["ENOLCK"], indirect=True)
def test_one_that_has_lost_its_lease_may_not_go_on(kind: str, tmp_path: Path) -> None:
    with working_on(tmp_path) as require:
        (tmp_path / ".lease").write_text('{"host": "elsewhere", "pid": 7, "since": "2026", "id": "other"}')
        with pytest.raises(UserError, match=r"another process \(process 7 on elsewhere, since 2026\) has taken over"):
            require()
    assert json.loads((tmp_path / ".lease").read_text())["id"] == "other"  # and the other one's is not removed


def test_a_lock_is_not_followed_to_somewhere_else(tmp_path: Path) -> None:
    victim, folder = tmp_path / "victim", tmp_path / "run"
    victim.write_text("mine")
    folder.mkdir()
    (folder / ".lock").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links") as caught, working_on(folder):
        pass
    assert "is a symbolic link and would be written through" in explain(caught.value)
    assert victim.read_text() == "mine"
