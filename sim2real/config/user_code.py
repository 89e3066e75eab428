"""Modules of the user's own: which file a name means, and that this one is imported (see `user_imports`)."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from ..errors import UserError
from .user_imports import DIGESTS, PILLARS, add_folder, find_on_path, keep_plain, prefix_of

__all__ = [
    "PILLARS",
    "Code",
    "CodeFile",
    "code_at",
    "find_module",
    "import_names",
    "module_of",
    "require_first",
    "use_code",
]


@dataclass(frozen=True)
class CodeFile:
    """The file that a module named by a configuration stands for.

    Attributes:
        name: the module as the configuration names it, e.g. `robot` or `package.module`.
        path: the file, absolute.
        sha256: of its bytes.
        folder: where the module's first name lies, to import it by path; None: it is on Python's path.
    """

    name: str
    path: Path
    sha256: str
    folder: Path | None

    @property
    def import_name(self) -> str:
        """The name under which this file, and no other, is imported."""
        return self.name if self.folder is None else f"{prefix_of(self.folder)}{self.name}"

    def describe(self) -> str:
        """Return file and digest in words."""
        return f"{self.path} (sha256 {self.sha256})"


Code = Mapping[str, CodeFile]
"""module as a configuration names it -> its file"""


def module_of(name: object) -> str | None:
    """Return the module in `module:Class` or `gym:module:id`; None where no module is named."""
    if not isinstance(name, str) or ":" not in name:
        return None
    place, _, thing = name.partition(":")
    return (thing.rpartition(":")[0] or None) if place == "gym" else place


def import_names(name: str, code: Code) -> str:
    """Return `module:Class` with the name under which the module is imported; any other name as it is."""
    file = code.get(module_of(name) or "")
    if file is None or name.startswith("gym:"):
        return name
    return f"{file.import_name}:{name.partition(':')[2]}"


def find_module(name: str, folders: Iterable[Path], where: str) -> CodeFile | None:
    """Return the file of a module in one of `folders`, in that order, or else on Python's path; None if nowhere.

    Nothing is imported, not even the packages that the module lies in.

    Raises:
        UserError: when `name`, which stands in `where`, is no module's name, or one of Python's own modules.
    """
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        raise UserError(f"{where}: {name!r} is no module's name; write module:Class or package.module:Class, no path")
    if parts[0] in sys.stdlib_module_names or "__main__" in parts:
        raise UserError(f"{where}: module {name!r} is Python's own; name one of yours or of an installed package")
    importlib.invalidate_caches()  # a file may be as new as the last look
    for folder in dict.fromkeys(place.resolve() for place in folders):
        if (found := _file_in(parts, [str(folder)])) is not None:
            return CodeFile(name, found, _sha256(found), folder)
    found = _file_in(parts, None)
    return None if found is None else CodeFile(name, found, _sha256(found), None)


def code_at(name: str, path: Path | None) -> CodeFile | None:
    """Return the module `name` if `path` is a source file that can be it; else None."""
    if path is None or not path.is_absolute() or path.suffix != ".py" or not path.is_file():
        return None
    parts = name.split(".")
    place = path.parent if path.name == "__init__.py" else path.with_suffix("")
    if list(place.parts[-len(parts) :]) != parts:
        return None
    folder = None if _file_in(parts, None) == path else place.parents[len(parts) - 1]
    return CodeFile(name, path, _sha256(path), folder)


def _file_in(parts: Sequence[str], search: Sequence[str] | None) -> Path | None:
    """Return the source file of a dotted name below the folders `search`; None: on Python's path but for users'."""
    spec: ModuleSpec | None = None
    for part in parts:
        spec = find_on_path(part) if search is None else PathFinder.find_spec(part, search)
        if spec is None:
            return None
        search = list(spec.submodule_search_locations or ())
    origin = Path(spec.origin) if spec is not None and spec.origin else None
    return origin.absolute() if origin is not None and origin.suffix != ".pyc" and origin.is_file() else None


def use_code(code: Code) -> None:
    """Make the modules of `code` importable under their `import_name`, as these very files; nothing is imported yet.

    Raises:
        UserError: when a file has changed since it was read or imported, or another file of that name comes first.
    """
    for file in code.values():
        known = DIGESTS.get(str(file.path))
        if known not in (None, file.sha256) and file.import_name in sys.modules:
            raise UserError(f"{file.path}: was imported with sha256 {known} and is now {file.sha256}; start anew")
        DIGESTS[str(file.path)] = file.sha256
        if file.folder is not None:
            add_folder(file.folder)


def require_first(file: CodeFile) -> None:
    """Raise UserError unless the plain name of `file`'s module means this file, as `gym:module:id` needs it."""
    top = file.name.partition(".")[0]
    loaded = getattr(sys.modules.get(file.name), "__file__", None)
    first = Path(loaded) if loaded else _file_in(file.name.split("."), None)
    if first is not None and first.resolve() != file.path.resolve():
        raise UserError(f"module {file.name!r}: {file.path} is meant, and {first} comes before it; rename {top!r}")
    keep_plain(top)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
