"""RunLogs: what a run appends to: its learning curve and TensorBoard's events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files.files import naming
from ..files.reading import GENERATED, parse_json, read_text

__all__ = ["REMEDY", "RunLogs"]

_CURVE = "curve.jsonl"
REMEDY = "bring it back from a copy, or move the run away and begin it anew"


class RunLogs:
    """The logs in the folder of a run."""

    def __init__(self, path: Path) -> None:
        """Name the folder; nothing is touched."""
        self._path, self._curve = path, path / _CURVE

    def append_curve(self, point: Mapping[str, Any]) -> None:
        """Add one evaluation to the curve."""
        with naming(self._curve), self._curve.open("a", encoding="utf-8") as file:
            file.write(json.dumps(point, sort_keys=True) + "\n")

    def curve(self) -> list[dict[str, Any]]:
        """Return all evaluations so far, oldest first."""
        if not self._curve.is_file():
            return []
        try:
            points = [parse_json(line) for line in read_text(self._curve, GENERATED).splitlines()]
        except ValueError as error:
            raise UserError(f"{self._curve}: damaged: {error}") from None
        if not all(isinstance(point, dict) for point in points):
            raise UserError(f"{self._curve}: damaged: expected an object on every line")
        return points

    def require_end(self, step: Any) -> None:
        """Raise UserError unless the last evaluation is that of `step`, where a run that has finished ended."""
        last = self.curve()[-1:]
        if not last or last[0].get("step") != step:
            where = f"ends at step {last[0].get('step')}" if last else "has no evaluation"
            raise UserError(f"{self._curve}: {where}, the run ended at step {step}; {REMEDY}")

    def lengths(self) -> dict[str, int]:
        """Return file, relative to the run's folder -> its bytes."""
        return {str(file.relative_to(self._path)): file.stat().st_size for file in self._files()}

    def missing_events(self, lengths: Mapping[str, int]) -> list[str]:
        """Return the files of TensorBoard's events in `lengths` that are gone."""
        return [name for name in lengths if name != _CURVE and not (self._path / name).is_file()]

    def require(self, lengths: Mapping[str, int]) -> None:
        """Check that all logs can be cut to earlier `lengths`; events that are gone stay so.

        Raises:
            UserError: when one is shorter than it was, or the curve is gone.
        """
        if _CURVE in lengths and not self._curve.is_file():
            raise UserError(f"{self._path}: damaged: {_CURVE} is missing, the checkpoint knows it; {REMEDY}")
        for file in self._files():
            length, size = lengths.get(str(file.relative_to(self._path)), 0), file.stat().st_size
            if size < length:
                raise UserError(f"{file}: damaged: {size} bytes, the checkpoint knows {length}; {REMEDY}")

    def cut(self, lengths: Mapping[str, int]) -> None:
        """Cut all logs to earlier `lengths`, and remove those that were not there; `require` has been called."""
        for file in self._files():
            length = lengths.get(str(file.relative_to(self._path)))
            if length is None:
                file.unlink()
            elif file.stat().st_size > length:
                with naming(file), file.open("r+b") as opened:
                    opened.truncate(length)

    def _files(self) -> list[Path]:
        tb = self._path / "tb"
        events = sorted(tb.glob("events.*")) if tb.is_dir() else []
        return [*events, *([self._curve] if self._curve.is_file() else [])]
