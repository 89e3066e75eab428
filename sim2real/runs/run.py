"""RunDirectory: one run on disk.

<run>/  config.resolved.yaml   the configuration with every default
        manifest.json          what made it: kind, seed, parent, configuration digest, versions, a user's code
        checkpoints/<step>/    bundles (see agents.checkpoint)
        tb/                    TensorBoard events
        curve.jsonl            one line per evaluation
        ledger.json            status, and everything that was counted
        .lock                  locked by the one process that works on the run
        .lease                 in its place, where the file system has no locks
"""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from agents import Bundle, CheckpointError

from ..config.config import RunConfig, validate
from ..config.overrides import Override, apply_overrides, place_of
from ..config.severities import resolve_severities
from ..config.trust import code_of_run, code_record, require_same_code
from ..config.user_code import Code
from ..errors import UserError
from ..files.differences import describe_differences
from ..files.files import make_folder, read_json, require_plain, to_json, write_json
from ..files.locking import working_on
from ..files.reading import load_yaml
from ..versions import collect_versions
from .checkpoints import Checkpoints
from .identity import make_manifest, require_own, require_same_run, same_but_for_device
from .run_logs import RunLogs

__all__ = ["RunDirectory"]

_WRITTEN = (
    *("config.resolved.yaml", "manifest.json", "ledger.json", "curve.jsonl"),
    *("tb", "checkpoints", ".lock", ".lease"),
)
_logger = logging.getLogger(__name__)


class RunDirectory:
    """A run's folder: made once, then read and continued."""

    def __init__(self, path: Path, *, trust: bool = False, approved: Code | None = None) -> None:
        """Name the folder, and what code it may load (see `code_of_run`). Nothing is read yet."""
        self.path = path.resolve()
        self._trust, self._approved = trust, approved
        self._checkpoints = Checkpoints(self.path / "checkpoints", self._require_own)
        self._logs = RunLogs(self.path)
        self._require_ours: Callable[[], None] = lambda: None

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
        manifest = make_manifest(config, identity)
        run = cls(path)
        if path.exists() and not path.is_dir():
            raise UserError(f"{path}: is a file; --out names a folder")
        if path.is_dir() and any(path.iterdir()):
            run._require_same(manifest, config, resume)
            return run
        content = config.model_dump(mode="json")
        record = code_record(config.code, content)
        files = {
            "config.resolved.yaml": yaml.safe_dump(content, sort_keys=False),
            "manifest.json": to_json({**manifest, "versions": collect_versions(), **record}),
        }
        if not make_folder(run.path, files):
            run._require_same(manifest, config, resume)  # another process was faster
        return run

    @contextmanager
    def working(self) -> Iterator[None]:
        """Be the one process that works on the run.

        Raises:
            UserError: when another one does and goes on doing so, or the folder has symbolic links where files are
                written: they would be written somewhere else.
        """
        require_plain(self.path, _WRITTEN)
        with working_on(self.path) as self._require_ours:
            yield

    def _require_same(self, manifest: Mapping[str, Any], config: RunConfig, resume: bool) -> None:
        if not (self.path / "manifest.json").is_file():
            raise UserError(f"{self.path}: is not empty and holds no run; choose another --out")
        there = self.manifest()
        if not resume:
            raise UserError(
                f"{self.path}: already holds a run ({there.get('kind', 'unknown')}, seed {there.get('seed')}); "
                "choose another --out, or add --resume to continue it"
            )
        require_same_code(there, config.code, self.path)
        require_same_run(self.path, there, self.content(), manifest, config)

    @classmethod
    def open(cls, path: Path, *, trust: bool = False, approved: Code | None = None) -> RunDirectory:
        """Open the folder of an existing run; `trust` allows code it names that was not made here.

        Raises:
            UserError: when it is missing or holds no run.
        """
        if not path.is_dir():
            raise UserError(f"{path}: no such run directory")
        if not (path / "manifest.json").is_file():
            raise UserError(f"{path}: holds no run (no manifest.json)")
        run = cls(path, trust=trust, approved=approved)
        run.manifest()
        return run

    def manifest(self) -> dict[str, Any]:
        """Return what made the run."""
        manifest = read_json(self.path / "manifest.json")
        if not isinstance(manifest, dict):
            raise UserError(f"{self.path / 'manifest.json'}: damaged: expected an object")
        return manifest

    def config(self, overrides: Sequence[Override] = ()) -> RunConfig:
        """Return the run's resolved configuration, with `overrides` in the place of what stands there.

        Raises:
            UserError: when the file is damaged, is not the one that the run was made with, or an override is wrong.
        """
        own = self.content()
        content, where = apply_overrides(own, overrides), place_of(str(self._config_file), own, overrides)
        code = code_of_run(content, self.path, trust=self._trust, approved=self._approved)
        return validate(RunConfig, resolve_severities(content, self._config_file, where), where, {"code": code})

    @property
    def _config_file(self) -> Path:
        return self.path / "config.resolved.yaml"

    def content(self) -> dict[str, Any]:
        """Return what the file of the resolved configuration has; UserError as `config`."""
        try:
            content = load_yaml(self._config_file)
        except OSError as error:
            raise UserError(f"{self._config_file}: cannot be read ({error.strerror})") from None
        if not isinstance(content, dict):
            raise UserError(f"{self._config_file}: damaged: expected a mapping")
        if self.manifest().get("config") not in same_but_for_device(content):
            raise UserError(
                f"{self._config_file}: was changed after the run had begun (manifest.json has another digest); undo "
                "the change, or make another run with it"
            )
        return content

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

    def finish(self, content: Mapping[str, Any]) -> None:
        """Write the last ledger: the run has reached its end, with the newest checkpoint."""
        self.write_ledger({"status": "finished", **content, "checkpoint": self._checkpoints.newest_digest()})

    @property
    def finished(self) -> bool:
        """Whether the run has reached its end."""
        return self.ledger().get("status") == "finished"

    @property
    def complete(self) -> bool:
        """Whether the run has reached its end and that is sound, as `final` has it: there is nothing left to do."""
        try:
            return self.finished and self.final() is not None
        except (UserError, CheckpointError):
            return False

    def require_finished(self, before: str) -> None:
        """Raise UserError unless the run has reached its end: half an agent would pass for a whole one."""
        if not self.finished:
            raise UserError(
                f"{self.path}: has not finished; continue it with --resume before {before}: {self._again()}"
            )

    def _again(self) -> str:
        """Return the command that continues the run."""
        manifest, out = self.manifest(), shlex.quote(str(self.path))
        config = shlex.quote(str(self._config_file))
        if manifest.get("kind") != "transfer":
            return f"sim2real pretrain {config} --out {out} --resume"
        options = " ".join(f"--{name} {shlex.quote(str(manifest.get(name)))}" for name in ("target", "method"))
        return f"sim2real transfer SOURCE {options} --config {config} --out {out} --resume"

    def save_checkpoint(self, step: int, *, weights: Any, state: Any, meta: Mapping[str, Any]) -> None:
        """Write the bundle of `step`, with the lengths all logs have by now, and drop the oldest ones."""
        self._require_ours()
        # names of logs hold a time and a process: like the time taken, they are not part of what the bundle is
        clock = {**meta.get("clock", {}), "logs": self._logs.lengths()}
        self._checkpoints.save(step, weights=weights, state=state, meta={**meta, "clock": clock})

    def prune(self) -> None:
        """Drop what checkpoints there are beside the newest two."""
        self._checkpoints.prune()

    def final(self) -> Bundle:
        """Return the newest checkpoint; of a run that has finished the one of its end, and no older one.

        Raises:
            UserError: when there is none yet, or that of the end or the end of the curve is missing.
            CheckpointError: when it does not verify, or is another run's.
        """
        try:
            bundle = self._checkpoints.newest()
        except CheckpointError as error:
            raise CheckpointError(f"{error}; --resume goes on from the one before: {self._again()}") from None
        if self.finished:
            self._require_end(bundle)
        return bundle

    def _require_end(self, bundle: Bundle) -> None:
        """Raise UserError unless a finished run's `bundle` and curve are at its end, which is not before its budget."""
        end, step = self.ledger().get("steps"), bundle.meta["step"]
        least = self.content()["budget"]["source_steps"] if self.manifest().get("kind") == "pretrain" else 0
        if step != end or step < least:
            raise UserError(
                f"{self.path}: the checkpoint of its end, step {end if step != end else least}, is missing; --resume "
                f"goes on from step {step}: {self._again()}"
            )
        self._logs.require_end(end)

    def _require_own(self, path: Path, bundle: Bundle) -> None:
        """Raise CheckpointError unless the `bundle` in `path` is one of this run."""
        require_own(path, bundle, self.manifest(), self.content(), self.ledger())

    def latest_sound(self) -> Bundle | None:
        """Return the newest checkpoint that verifies, to continue from; see `Checkpoints.latest_sound`."""
        return self._checkpoints.latest_sound()

    def rewind(self, bundle: Bundle | None) -> None:
        """Go back to `bundle` (None: the beginning): cut all logs to what they were, so that nothing appears twice.

        What is not as it was when the run began, or at `bundle`, is said: package versions, logs that are gone.

        Raises:
            UserError: when the curve is shorter than it was at `bundle`; nothing is changed then.
        """
        lengths = bundle.meta["clock"]["logs"] if bundle else {}
        self._logs.require(lengths)
        if self.finished:
            _logger.warning(
                "%s: had finished, but the checkpoint of its end is not sound: that part is done again", self.path
            )
            self.write_ledger({**self.ledger(), "status": "running"})
        self._say_what_changed(bundle)
        self._logs.cut(lengths)

    def _say_what_changed(self, bundle: Bundle | None) -> None:
        """Warn of other package versions than the run was made with, and of events that are gone."""
        if bundle is None:
            return
        made_with, now = self.manifest().get("versions", {}), collect_versions()
        if made_with != now:
            differences = describe_differences(made_with, now, ("begun with", "goes on with"))
            _logger.warning("%s: goes on under other versions, results may differ: %s", self.path, differences)
        if gone := self._logs.missing_events(bundle.meta["clock"]["logs"]):
            step = bundle.meta["step"]
            names = ", ".join(gone)
            _logger.warning("%s: %s missing: TensorBoard shows it from step %s on", self.path, names, step)

    def append_curve(self, point: Mapping[str, Any]) -> None:
        """Add one evaluation to the curve."""
        self._require_ours()
        self._logs.append_curve(point)

    def curve(self) -> list[dict[str, Any]]:
        """Return all evaluations so far, oldest first; UserError where a finished run's do not reach its end."""
        if self.finished:
            self._logs.require_end(self.ledger().get("steps"))
        return self._logs.curve()
