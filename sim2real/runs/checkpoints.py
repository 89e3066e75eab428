"""Checkpoints: the bundles of a run, of which the newest are kept."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agents import Bundle, CheckpointError, bundle_digest, load_bundle, save_bundle
from envs import is_number

from ..errors import UserError

__all__ = ["Checkpoints"]

_KEPT = 2  # the newest, and the one before it in case the newest is damaged
_NAME = re.compile(r"[0-9]{10,}")
_REMOVING = "removing"  # ends the hidden name of a checkpoint that is on its way out
_logger = logging.getLogger(__name__)


class Checkpoints:
    """The folder `checkpoints` of a run: a bundle a step; what has other names there is nobody's business."""

    def __init__(self, folder: Path, require_own: Callable[[Path, Bundle], None]) -> None:
        """Name the folder; nothing is touched. `require_own` raises CheckpointError on another run's bundle."""
        self.folder, self._require_own = folder, require_own

    def save(self, step: int, *, weights: Any, state: Any, meta: Mapping[str, Any]) -> None:
        """Write the bundle of `step` and drop the oldest ones."""
        save_bundle(self._path(step), weights=weights, state=state, meta={**meta, "step": step})
        self.prune()

    def prune(self) -> None:
        """Drop all but the newest bundles, and what a kill has left of one that was being dropped.

        A bundle is renamed before its files are removed, so that no half of one is left under its name.
        """
        for left in self.folder.glob(f".*.{_REMOVING}"):
            shutil.rmtree(left)
        for old in self._steps()[:-_KEPT]:
            path = self._path(old)
            shutil.rmtree(path.rename(path.with_name(f".{path.name}.{_REMOVING}")))

    def newest(self) -> Bundle:
        """Return the newest checkpoint; an older one is no stand-in for it.

        Raises:
            UserError: when there is none yet.
            CheckpointError: when it does not verify, or is another run's.
        """
        steps = self._steps()
        if not steps:
            raise UserError(f"{self.folder}: no checkpoint was written yet")
        return self._load(self._path(steps[-1]))

    def latest_sound(self) -> Bundle | None:
        """Return the newest checkpoint that verifies, to continue from; None if none was written yet.

        Raises:
            UserError: when there are some and none verifies; the message says what is wrong with the newest.
        """
        problems = []
        for step in reversed(self._steps()):
            try:
                bundle = self._load(self._path(step))
            except CheckpointError as error:
                problems.append(str(error))
                continue
            if problems:
                _logger.warning("a checkpoint is damaged (%s): continuing from that of step %d", problems[0], step)
            return bundle
        if problems:
            raise UserError(
                f"{self.folder}: no usable checkpoint ({problems[0]}); bring it back from a copy, or move the run away "
                "and begin it anew"
            )
        return None

    def newest_digest(self) -> str:
        """Return the digest of the newest checkpoint, of which there is one."""
        return bundle_digest(self._path(self._steps()[-1]))

    def _load(self, path: Path) -> Bundle:
        bundle = _load(path)
        self._require_own(path, bundle)
        return bundle

    def _path(self, step: int) -> Path:
        return self.folder / f"{step:010d}"

    def _steps(self) -> list[int]:
        if not self.folder.is_dir():
            return []
        return sorted(int(p.name) for p in self.folder.iterdir() if _NAME.fullmatch(p.name) and p.is_dir())


def _load(path: Path) -> Bundle:
    """Return the checkpoint in the folder `path`.

    Raises:
        CheckpointError: as `load_bundle`, and naming the entry of the meta data that no run has written.
    """
    bundle = load_bundle(path)
    clock = bundle.meta.get("clock")
    logs = clock.get("logs") if isinstance(clock, dict) else None
    wall_seconds = clock.get("wall_seconds", 0.0) if isinstance(clock, dict) else None
    for key, value, fits, rule in (
        ("step", bundle.meta.get("step"), _is_count(bundle.meta.get("step")), "a whole number of at least 0"),
        ("clock.logs", logs, isinstance(logs, dict) and all(map(_is_count, logs.values())), "the length of every log"),
        ("clock.wall_seconds", wall_seconds, is_number(wall_seconds), "a finite number"),
        ("training", bundle.meta.get("training"), isinstance(bundle.meta.get("training") or {}, dict), "an object"),
    ):
        if not fits:
            raise CheckpointError(f"{path / 'manifest.json'}: meta.{key} is {value!r}: it must be {rule}")
    return bundle


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62
