"""Small files that are either the old or the new version, never half of one."""

from __future__ import annotations

import errno
import glob
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import UserError
from .reading import load_json

__all__ = [
    "make_folder",
    "naming",
    "read_json",
    "require_folder",
    "require_place",
    "require_plain",
    "to_json",
    "write_atomic",
    "write_json",
]

_BEGINNING = ".beginning"  # ends the hidden name of a folder whose first files are being written
_LEFT_AFTER = 60.0  # s after which such a folder is a leftover: writing them takes milliseconds


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


def require_plain(folder: Path, names: Iterable[str], *, below: bool = True) -> None:
    """Check that what stands in `folder` under `names`, and everything `below`, are files and folders of its own.

    Raises:
        UserError: when one is a symbolic link, a file with a second name or something special: what is written to it
            would go somewhere else.
    """
    for entry in (entry for name in names for entry in _all_of(folder / name, below)):
        found = entry.lstat()
        mode = found.st_mode
        if stat.S_ISLNK(mode):
            raise UserError(
                f"{entry}: is a symbolic link (to {entry.readlink()}) and would be written through; replace it by what "
                "it points to, or remove it"
            )
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise UserError(f"{entry}: is neither a file nor a folder; remove it")
        if stat.S_ISREG(mode) and found.st_nlink > 1:
            raise UserError(
                f"{entry}: is a hard link, {found.st_nlink} names of one file, and all would be written; make a copy "
                f"of the folder without links (cp -r {folder} COPY) and work there"
            )


def _all_of(path: Path, below: bool) -> Iterator[Path]:
    """Yield `path` and all that is `below` it, without following links; nothing where nothing is."""
    if path.exists() or path.is_symlink():
        yield path
    for folder, folders, files in os.walk(path) if below and not path.is_symlink() else ():
        yield from (Path(folder) / name for name in (*folders, *files))


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Give an OSError that names no file, as of a write to an open one, this name."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def write_atomic(path: Path, text: str) -> None:
    """Write `text` to a temporary sibling, flush it to disk and rename it over `path`.

    Names that are no text in the system's encoding are written with their escapes, such as `\\udcfc`.
    """
    temporary = path.with_name(f".{path.name}.writing")
    temporary.unlink(missing_ok=True)
    try:
        with naming(path), temporary.open("x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def to_json(content: Any) -> str:
    """Return `content` as indented JSON with sorted keys; NaN is refused."""
    return json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"


def write_json(path: Path, content: Any) -> None:
    """Write `content` as JSON, as `to_json` has it."""
    write_atomic(path, to_json(content))


def make_folder(path: Path, files: Mapping[str, str]) -> bool:
    """Make a folder with `files`, name -> text, at once: it is there with all of them, or not at all.

    Returns:
        Whether it was made; not so if a folder that is not empty is at `path` by then.
    """
    _remove_leftovers(path)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_BEGINNING}")
    aside.mkdir(parents=True)
    try:
        for name, text in files.items():
            write_atomic(aside / name, text)
        aside.rename(path)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def _remove_leftovers(path: Path) -> None:
    """Remove what processes that were killed in `make_folder` have left beside `path`."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{_BEGINNING}"):
        with suppress(FileNotFoundError):  # another process may be removing it
            if time.time() - left.stat().st_mtime > _LEFT_AFTER:
                shutil.rmtree(left)


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        UserError: when the file is missing or damaged.
    """
    try:
        return load_json(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
