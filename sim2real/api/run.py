"""Run: what a finished or half-finished run says of itself."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any

from ..config.config import RunConfig
from ..runs.run import RunDirectory

__all__ = ["Run", "RunLike", "open_run"]


class Run(os.PathLike[str]):
    """A run's folder, as `pretrain` and `transfer` return it; `Run("runs/hopper")` opens one that is there.

    It can stand wherever the path of a run is expected.
    """

    def __init__(self, path: str | os.PathLike[str], *, trust: bool = False) -> None:
        """Open the run in the folder `path`; `trust` allows code it names that was not made here.

        Raises:
            UserError: when the folder is missing or has no run.
        """
        self._directory = RunDirectory.open(Path(path), trust=trust)

    @property
    def path(self) -> Path:
        """The folder, absolute."""
        return self._directory.path

    @property
    def directory(self) -> RunDirectory:
        """The folder with all that can be read of it."""
        return self._directory

    @cached_property
    def config(self) -> RunConfig:
        """The resolved configuration; UserError when it was changed after the run had begun."""
        return self._directory.config()

    @property
    def finished(self) -> bool:
        """Whether the run has reached its end."""
        return self._directory.finished

    @property
    def curve(self) -> list[dict[str, Any]]:
        """Every evaluation so far, oldest first: `step`, `return`, `return_sd`, `falls`, `rewards` and others."""
        return self._directory.curve()

    @property
    def ledger(self) -> dict[str, Any]:
        """What was counted so far: steps, episodes, falls, faults, wall_seconds and others."""
        return self._directory.ledger()

    @property
    def summary(self) -> dict[str, Any]:
        """What the run came to, as JSON values; None where it is not known (yet).

        `initial_return` and `final_return` are the first and the last of the curve: on the target for a transfer, on
        the source domain for a pretraining.
        """
        manifest, content, ledger, curve = (
            self._directory.manifest(),
            self._directory.content(),
            self.ledger,
            self.curve,
        )
        known = ledger.get("source_return", ledger.get("source_return_after"))
        return {
            "path": str(self.path),
            "kind": manifest.get("kind"),
            "env": content.get("env"),
            "seed": manifest.get("seed"),
            "target": manifest.get("target"),
            "method": manifest.get("method"),
            "finished": self.finished,
            "steps": ledger.get("steps", 0),
            "initial_return": curve[0]["return"] if curve else None,
            "final_return": curve[-1]["return"] if curve else None,
            "source_return_before": ledger.get("source_return_before"),
            "source_return": known,
            "wall_seconds": ledger.get("wall_seconds"),
        }

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        found = self.summary
        to = f" to {found['target']} by {found['method']}" if found["method"] else ""
        end = "not finished" if not found["finished"] else f"final return {found['final_return']:.1f}"
        return f"Run({str(self.path)!r}: {found['kind']}{to}, {found['env']}, seed {found['seed']}, {end})"


RunLike = Run | str | os.PathLike[str]
"""a run, or its folder"""


def open_run(run: RunLike, *, trust: bool = False) -> RunDirectory:
    """Return the folder of a run; UserError as `Run`."""
    return run.directory if isinstance(run, Run) and not trust else RunDirectory.open(Path(run), trust=trust)
