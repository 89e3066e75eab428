"""Small files that are either the old or the new version, never half of one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .errors import UserError
from .reading import load_json

__all__ = ["read_json", "require_folder", "require_place", "write_atomic", "write_json"]


def require_folder(path: Path | None, option: str) -> None:
    """Raise UserError if the file `path`, of an option, has no folder to lie in: before anything takes time."""
    if path is not None and not path.parent.is_dir():
        raise UserError(f"{option}: {path}: no such folder {str(path.parent)!r}")
    if path is not None and path.is_dir():
        raise UserError(f"{option}: {path}: is a folder; name a file in it")


def require_place(path: Path) -> None:
    """Raise UserError if nothing can be made at `path` because a folder on the way to it is a file."""
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if not above.is_dir():
        raise UserError(f"{path}: {above} is no folder")


def write_atomic(path: Path, text: str) -> None:
    """Write `text` to a temporary sibling, flush it to disk and rename it over `path`.

    Names that are no text in the system's encoding are written with their escapes, such as `\\udcfc`.
    """
    temporary = path.with_name(f".{path.name}.writing")
    try:
        with temporary.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON with sorted keys; NaN is refused."""
    write_atomic(path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        UserError: when the file is missing or damaged.
    """
    try:
        return load_json(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
