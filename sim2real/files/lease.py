"""Lease: a file that says who works on a folder, for file systems without locks.

Its owner renews the time of the file every `BEAT` seconds. A lease that is not renewed for `STALE` seconds, watched by
the waiting process's own clock, belongs to a process that has ended, and is taken over; one whose process is known to
have ended, on this machine, is taken over at once.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import secrets
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import UserError
from .reading import parse_json

__all__ = ["Lease", "describe_owner", "this_process"]

_logger = logging.getLogger(__name__)
BEAT = 5.0  # s between renewals
STALE = 20.0  # s without one after which the owner has ended: four missed renewals


def this_process() -> dict[str, Any]:
    """Return who this process is: host, process number, since when it works, and where its number means anything."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"host": platform.node(), "pid": os.getpid(), "since": since, "numbers": _process_numbers()}


def _process_numbers() -> str:
    """Return what processes share that know one another by number: a boot of a machine, and a container on it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except (OSError, ValueError):
        return platform.node()


def describe_owner(owner: Mapping[str, Any]) -> str:
    """Return in words who a process is, from what a lock or lease says; empty where it says nothing."""
    if not {"host", "pid", "since"} <= owner.keys():
        return ""
    return f" (process {owner['pid']} on {owner['host']}, since {owner['since']})"


class Lease:
    """The lease on a folder or a job: acquired, renewed by a thread, and released; an object is used once.

    Attributes:
        file: where it lies.
        predecessor: who had it and has ended, as its file said; empty where it was free.
        lost: set once another process has taken it over.
    """

    def __init__(self, file: Path) -> None:
        """Name the file; nothing is written."""
        self.file = file
        self.predecessor: Mapping[str, Any] = {}
        self.lost = threading.Event()
        self._own = {**this_process(), "id": secrets.token_hex(8)}
        self._seen: tuple[str, int] | None = None
        self._since = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def acquire(self, patience: float) -> None:
        """Take the lease, waiting until the one that is there is released or stale.

        Raises:
            UserError: when another process renews it, and has not ended after `patience` seconds.
        """
        began = time.monotonic()
        before: tuple[str, int] | None = None
        while not self.attempt():
            if self._seen is not None and before is None:
                owner = describe_owner(_parse(self._seen[0]))
                _logger.warning("%s: another process%s has it; waiting for a sign of life", self.file, owner)
            elif self._seen is not None and before != self._seen and time.monotonic() - began > patience:
                raise UserError(self._refusal(self._seen[0]))
            before = self._seen
            time.sleep(min(BEAT, STALE) / 20)

    def attempt(self) -> bool:
        """Take the lease if it is free, or stale as seen by this and earlier attempts; return whether it is taken."""
        taken = self._create()
        if not taken and (now := self._look()) is not None:
            if now != self._seen:
                self._seen, self._since = now, time.monotonic()
            owner = _parse(now[0])
            if time.monotonic() - self._since > STALE or _has_ended(owner):
                self._set_aside(now[0])
                self._seen, taken = None, self._create()
                self.predecessor = owner if taken else {}
        if taken:
            self._thread.start()
        return taken

    def require(self) -> None:
        """Raise UserError if another process has taken the lease over, as after this machine was suspended."""
        now = self._look()
        if now is None or _parse(now[0]).get("id") != self._own["id"]:
            owner = describe_owner(_parse(now[0])) if now else ""
            raise UserError(f"{self.file}: another process{owner} has taken over, as this one did not renew it in time")

    def release(self) -> None:
        """Give the lease back."""
        self._ended.set()
        self._thread.join()
        with suppress(OSError, UserError):
            self.require()
            self.file.unlink()

    def _create(self) -> bool:
        try:
            with self.file.open("x", encoding="utf-8") as file:  # exclusive also over NFS
                file.write(json.dumps(self._own))
        except FileExistsError:
            return False
        return True

    def _look(self) -> tuple[str, int] | None:
        """Return what the lease says and when it was renewed, ns; None where there is none."""
        try:
            return self.file.read_text(encoding="utf-8", errors="replace"), self.file.stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def _set_aside(self, text: str) -> None:
        """Remove the stale lease that says `text`, and no other that has come in its place."""
        aside = self.file.with_name(f"{self.file.name}.{self._own['id']}")
        now = self._look()
        if now is None or now[0] != text:
            return
        with suppress(FileNotFoundError):
            self.file.rename(aside)
            if aside.read_text(encoding="utf-8", errors="replace") != text:
                with suppress(FileExistsError):
                    os.link(aside, self.file)
            aside.unlink()

    def _renew(self) -> None:
        while not self._ended.wait(BEAT):
            try:
                self.require()
                os.utime(self.file)
            except UserError:
                self.lost.set()
                return
            except OSError:  # a server that does not answer for a while
                continue

    def _refusal(self, text: str) -> str:
        owner = describe_owner(_parse(text))
        return (
            f"{self.file.parent}: another process{owner} is working on it, and renews {self.file}; wait for it, or end "
            f"it: its lease ends {STALE:g} s later"
        )


def _parse(text: str) -> dict[str, Any]:
    try:
        content = parse_json(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _has_ended(owner: Mapping[str, Any]) -> bool:
    """Return whether the owner was a process that this one knows by its number, and is there no more."""
    pid, known = owner.get("pid"), owner.get("host") == platform.node() and owner.get("numbers") == _process_numbers()
    if not known or not isinstance(pid, int) or pid <= 0 or sys.platform == "win32":
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return False
