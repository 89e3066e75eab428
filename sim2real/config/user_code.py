"""Modules of the user's own: which file a name means, and how that file is imported by its path.

A module that lies beside a configuration is imported as `<folder>/<module>`, dots of the folder as `%2E`. So two
folders may each have a `robot.py`. Its import statements, also those inside functions, find what lies beside it,
whatever other folders hold: each such module has an `__import__` of its own. They never find another standard library,
`envs`, `agents` or `sim2real` there. What is on Python's path, in site-packages or on PYTHONPATH, is imported under its
own name.
"""

from __future__ import annotations

import builtins
import functools
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from envs import import_from

from ..errors import UserError

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

_folders: list[str] = []  # users' folders on Python's path
PILLARS = ("envs", "agents", "sim2real")
_digests: dict[str, str] = {}  # file -> sha256 that a configuration was read with


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
        return self.name if self.folder is None else f"{_prefix(self.folder)}{self.name}"

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
        spec = _find_on_path(part) if search is None else PathFinder.find_spec(part, search)
        if spec is None:
            return None
        search = list(spec.submodule_search_locations or ())
    origin = Path(spec.origin) if spec is not None and spec.origin else None
    return origin.absolute() if origin is not None and origin.suffix != ".pyc" and origin.is_file() else None


def _find_on_path(top: str) -> ModuleSpec | None:
    """Return the spec of `top` as an import would find it, if no user's folder were on the path."""
    for finder in sys.meta_path:
        own = [place for place in sys.path if place not in _folders] if finder is PathFinder else None
        if (spec := finder.find_spec(top, own)) is not None:
            return spec
    return None


def use_code(code: Code) -> None:
    """Make the modules of `code` importable under their `import_name`, as these very files; nothing is imported yet.

    Raises:
        UserError: when a file has changed since it was read or imported, or another file of that name comes first.
    """
    for file in code.values():
        known = _digests.get(str(file.path))
        if known not in (None, file.sha256) and file.import_name in sys.modules:
            raise UserError(f"{file.path}: was imported with sha256 {known} and is now {file.sha256}; start anew")
        _digests[str(file.path)] = file.sha256
        if file.folder is not None:
            _put_first(file.folder)


def _put_first(folder: Path) -> None:
    """Put a folder on Python's path behind all that is no user's: the latest is where `import_module` looks first."""
    place = str(folder.resolve())
    if place in _folders and place in sys.path:
        sys.path.remove(place)
    import_from(folder)
    if sys.path[-1] == place:
        first = min((sys.path.index(other) for other in _folders if other in sys.path), default=len(sys.path) - 1)
        sys.path.insert(first, sys.path.pop())
        _folders.append(place)


def require_first(file: CodeFile) -> None:
    """Raise UserError unless the plain name of `file`'s module means this file, as `gym:module:id` needs it."""
    top = file.name.partition(".")[0]
    loaded = getattr(sys.modules.get(file.name), "__file__", None)
    first = Path(loaded) if loaded else _file_in(file.name.split("."), None)
    if first is not None and first.resolve() != file.path.resolve():
        raise UserError(f"module {file.name!r}: {file.path} is meant, and {first} comes before it; rename {top!r}")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _prefix(folder: Path) -> str:
    return folder.as_posix().rstrip("/").replace(".", "%2E") + "/"


class _Source(SourceFileLoader):
    """Runs a user's source: never bytecode that lies beside it, and only with the digest it was found with."""

    def get_code(self, fullname: str) -> Any:
        """Compile the source; ImportError when it has changed since its digest was taken."""
        path = self.get_filename(fullname)
        data = self.get_data(path)
        digest = hashlib.sha256(data).hexdigest()
        if _digests.get(path, digest) != digest:
            raise ImportError(f"{path}: has changed: sha256 {digest}, expected {_digests[path]}")
        return self.source_to_code(data, path)

    def exec_module(self, module: ModuleType) -> None:
        """Run it; its import statements look beside it first."""
        own = _import_beside(module.__name__.rpartition("/")[0] + "/")
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": own}
        super().exec_module(module)


class _Finder:
    """Finds `<folder>/<module>` for folders that `import_from` has put on Python's path, in child processes too."""

    @staticmethod
    def find_spec(fullname: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """Return the spec of a source file or of a folder of them; None for any other name."""
        place, slash, name = fullname.rpartition("/")
        folder = place.replace("%2E", ".") or "/"
        if not slash or folder not in sys.path:
            return None
        spec = PathFinder.find_spec(name.rpartition(".")[2], [folder] if path is None else path)
        if spec is None:
            return None
        below = spec.submodule_search_locations
        if spec.loader is None or not isinstance(spec.loader, SourceFileLoader):
            own = ModuleSpec(fullname, spec.loader, origin=spec.origin, is_package=below is not None)
            own.submodule_search_locations = None if below is None else list(below)
            return own
        source = _Source(fullname, spec.loader.path)
        return importlib.util.spec_from_file_location(
            fullname, spec.loader.path, loader=source, submodule_search_locations=below and list(below)
        )


def _import_beside(prefix: str) -> Callable[..., Any]:
    """Return the `__import__` of modules in the folder of `prefix`."""
    folder = prefix[:-1].replace("%2E", ".") or "/"
    lies_beside = functools.cache(lambda top: _lies_in(folder, top))  # an import may stand where every step passes

    def own_import(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        """Import `name`, from beside the module where it lies there."""
        if level == 0 and lies_beside(name.partition(".")[0]):
            name = prefix + name
        return builtins.__import__(name, globals, locals, fromlist, level)

    return own_import


def _lies_in(folder: str, top: str) -> bool:
    """Whether the module `top` lies in `folder` as source; a folder without `__init__` counts if nothing else does."""
    if top in sys.stdlib_module_names or top in PILLARS:
        return False
    spec = PathFinder.find_spec(top, [folder])
    if spec is None or spec.loader is not None:
        return spec is not None and isinstance(spec.loader, SourceFileLoader)
    others = [place for place in sys.path if place != folder]
    return top not in sys.modules and PathFinder.find_spec(top, others) is None


sys.meta_path.append(_Finder)
