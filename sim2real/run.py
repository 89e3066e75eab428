"""RunDirectory: one run on disk.

<run>/  config.resolved.yaml   the configuration with every default
        manifest.json          what made it: kind, seed, parent, configuration digest, versions
        checkpoints/<step>/    bundles (see agents.checkpoint)
        tb/                    TensorBoard events
        curve.jsonl            one line per evaluation
        ledger.json            status, and everything that was counted
        .lock                  held by the one process that works on the run
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import yaml

from agents import Bundle, CheckpointError, load_bundle, save_bundle

from .config import RunConfig, config_digest, validate
from .errors import UserError
from .files import read_json, write_atomic, write_json
from .locking import working_on
from .reading import GENERATED, load_yaml, parse_json, read_text
from .versions import collect_versions

__all__ = ["RunDirectory"]

_KEPT_CHECKPOINTS = 2  # the newest, and the one before it in case the newest is damaged


class RunDirectory:
    """A run's folder: made once, then read and continued."""

    def __init__(self, path: Path) -> None:
        """Name the folder; nothing is touched."""
        self.path = path.resolve()

    @property
    def tb(self) -> Path:
        """The folder of TensorBoard events."""
        return self.path / "tb"

    @classmethod
    def create(cls, path: Path, config: RunConfig, identity: Mapping[str, Any], *, resume: bool) -> RunDirectory:
        """Make the folder of a new run, or open it again to continue.

        Args:
            path: the folder; it must be absent or empty, or hold this very run if `resume`.
            config: the resolved configuration.
            identity: what else decides the run's result: its kind, parent, target, method.
            resume: whether a run that is there is to be continued.

        Raises:
            UserError: when the folder holds another run, or this one and `resume` is not asked for.
        """
        manifest = {**identity, "seed": config.seed, "config": config_digest(config)}
        run = cls(path)
        if path.exists() and not path.is_dir():
            raise UserError(f"{path}: is a file; --out names a folder")
        if path.is_dir() and any(path.iterdir()):
            run._require_same(manifest, resume)
            return run
        run._begin(config, {**manifest, "versions": collect_versions()})
        return run

    def _begin(self, config: RunConfig, manifest: Mapping[str, Any]) -> None:
        """Write the folder's first files aside and move them into place at once."""
        aside = self.path.with_name(f".{self.path.name}.beginning")
        if aside.exists():
            shutil.rmtree(aside)
        aside.mkdir(parents=True)
        write_atomic(aside / "config.resolved.yaml", yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False))
        write_json(aside / "manifest.json", manifest)
        aside.rename(self.path)

    def working(self) -> AbstractContextManager[None]:
        """Be the one process that works on the run; UserError when another one does and goes on doing so."""
        return working_on(self.path)

    def _require_same(self, manifest: Mapping[str, Any], resume: bool) -> None:
        if not (self.path / "manifest.json").is_file():
            raise UserError(f"{self.path}: is not empty and holds no run; choose another --out")
        held = self.manifest()
        if not resume:
            raise UserError(
                f"{self.path}: already holds a run ({held.get('kind', 'unknown')}, seed {held.get('seed')}); "
                "choose another --out, or add --resume to continue it"
            )
        different = [key for key, value in manifest.items() if held.get(key) != value]
        if different:
            told = ", ".join(f"{key}: held {held.get(key)!r}, asked {manifest[key]!r}" for key in different)
            raise UserError(f"{self.path}: --resume continues the same run only; differs in {told}")

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """Open the folder of an existing run.

        Raises:
            UserError: when it is missing or holds no run.
        """
        if not path.is_dir():
            raise UserError(f"{path}: no such run directory")
        if not (path / "manifest.json").is_file():
            raise UserError(f"{path}: holds no run (no manifest.json)")
        run = cls(path)
        run.manifest()
        return run

    def manifest(self) -> dict[str, Any]:
        """Return what made the run."""
        manifest = read_json(self.path / "manifest.json")
        if not isinstance(manifest, dict):
            raise UserError(f"{self.path / 'manifest.json'}: damaged: expected an object")
        return manifest

    def config(self) -> RunConfig:
        """Return the run's resolved configuration."""
        file = self.path / "config.resolved.yaml"
        try:
            content = load_yaml(file)
        except OSError as error:
            raise UserError(f"{file}: cannot be read ({error.strerror})") from None
        if not isinstance(content, dict):
            raise UserError(f"{file}: damaged: expected a mapping")
        return validate(RunConfig, content, str(file))

    def ledger(self) -> dict[str, Any]:
        """Return what was counted so far; empty before the first checkpoint."""
        file = self.path / "ledger.json"
        content = read_json(file) if file.is_file() else {}
        if not isinstance(content, dict):
            raise UserError(f"{file}: damaged: expected an object")
        return content

    def write_ledger(self, content: Mapping[str, Any]) -> None:
        """Replace the ledger."""
        write_json(self.path / "ledger.json", content)

    @property
    def finished(self) -> bool:
        """Whether the run has reached its end."""
        return self.ledger().get("status") == "finished"

    def require_finished(self, before: str) -> None:
        """Raise UserError unless the run has reached its end: half an agent would pass for a whole one."""
        if not self.finished:
            raise UserError(f"{self.path}: has not finished; continue it with --resume before {before}")

    def save_checkpoint(self, step: int, *, weights: Any, state: Any, meta: Mapping[str, Any]) -> None:
        """Write the bundle of `step`, with the lengths all logs have by now, and drop the oldest ones."""
        logs = {str(f.relative_to(self.path)): f.stat().st_size for f in self._logs()}
        # names of logs hold a time and a process: like the time taken, they are not part of what the bundle is
        clock = {**meta.get("clock", {}), "logs": logs}
        save_bundle(self._checkpoint(step), weights=weights, state=state, meta={**meta, "step": step, "clock": clock})
        for old in self._steps()[:-_KEPT_CHECKPOINTS]:
            shutil.rmtree(self._checkpoint(old))

    def final(self) -> Bundle:
        """Return the newest checkpoint; an older one is no stand-in for it.

        Raises:
            UserError: when there is none yet.
            CheckpointError: when it does not verify.
        """
        steps = self._steps()
        if not steps:
            raise UserError(f"{self.path}: no checkpoint was written yet")
        return load_bundle(self._checkpoint(steps[-1]))

    def latest_sound(self) -> Bundle | None:
        """Return the newest checkpoint that verifies, to continue from; None if none was written yet.

        Raises:
            UserError: when there are some and none verifies; the message says what is wrong with the newest.
        """
        problems = []
        for step in reversed(self._steps()):
            try:
                return load_bundle(self._checkpoint(step))
            except CheckpointError as error:
                problems.append(str(error))
        if problems:
            raise UserError(f"{self.path}: no usable checkpoint ({problems[0]})")
        return None

    def rewind_logs(self, bundle: Bundle | None) -> None:
        """Cut all logs to what they were at `bundle` (None: the beginning), so that nothing appears twice."""
        lengths: Mapping[str, int] = bundle.meta["clock"]["logs"] if bundle else {}
        if "curve.jsonl" in lengths and not (self.path / "curve.jsonl").is_file():
            raise UserError(f"{self.path}: damaged: curve.jsonl is missing, the checkpoint knows it")
        for file in self._logs():
            length = lengths.get(str(file.relative_to(self.path)))
            if length is None:
                file.unlink()
            elif file.stat().st_size < length:
                raise UserError(f"{file}: damaged: {file.stat().st_size} bytes, the checkpoint knows {length}")
            elif file.stat().st_size > length:
                with file.open("r+b") as opened:
                    opened.truncate(length)

    def append_curve(self, point: Mapping[str, Any]) -> None:
        """Add one evaluation to the curve."""
        with (self.path / "curve.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(point, sort_keys=True) + "\n")

    def curve(self) -> list[dict[str, Any]]:
        """Return all evaluations so far, oldest first."""
        file = self.path / "curve.jsonl"
        if not file.is_file():
            return []
        try:
            return [parse_json(line) for line in read_text(file, GENERATED).splitlines()]
        except ValueError as error:
            raise UserError(f"{file}: damaged: {error}") from None

    def _logs(self) -> list[Path]:
        events = sorted(self.tb.glob("events.*")) if self.tb.is_dir() else []
        curve = self.path / "curve.jsonl"
        return [*events, *([curve] if curve.is_file() else [])]

    def _checkpoint(self, step: int) -> Path:
        return self.path / "checkpoints" / f"{step:010d}"

    def _steps(self) -> list[int]:
        folder = self.path / "checkpoints"
        return sorted(int(p.name) for p in folder.iterdir() if p.name.isdigit()) if folder.is_dir() else []
