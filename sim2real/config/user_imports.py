"""How modules of the user's own are imported: by the path of their file, each with what lies beside it.

A module that lies beside a configuration is imported as `<folder>/<module>`, dots of the folder as `%2E`. So two
folders may each have a `robot.py`. Its import statements, also those inside functions, and its
`importlib.import_module` find what lies beside it, whatever lies in others: each such module has an `__import__` of
its own. They never find another standard library, `envs`, `agents` or `sim2real` there. What is on Python's path, in
site-packages or on PYTHONPATH, is imported under its own name. A plain name that lies in several users' folders, and
nowhere else, is refused where it is asked for in another way.
"""

from __future__ import annotations

import builtins
import functools
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from envs import import_from

__all__ = ["DIGESTS", "PILLARS", "add_folder", "find_on_path", "keep_plain", "prefix_of"]

PILLARS = ("envs", "agents", "sim2real")
DIGESTS: dict[str, str] = {}  # file -> sha256 that a configuration was read with

_folders: list[str] = []  # users' folders that were put on Python's path
_known: set[str] = set()  # all users' folders, also those that were on Python's path anyway
_plain: set[str] = set()  # first names of modules that are imported by their plain name


def find_on_path(top: str) -> ModuleSpec | None:
    """Return the spec of `top` as an import would find it, if no user's folder were on the path."""
    for finder in (finder for finder in sys.meta_path if finder is not _Finder):
        own = [place for place in sys.path if place not in _folders] if finder is PathFinder else None
        if (spec := finder.find_spec(top, own)) is not None:
            return spec
    return None


def add_folder(folder: Path) -> None:
    """Put a folder on Python's path behind all that is no user's: the latest is where `import_module` looks first."""
    place = str(folder.resolve())
    if place in _folders and place in sys.path:
        sys.path.remove(place)
    import_from(folder)
    if sys.path[-1] == place:
        first = min((sys.path.index(other) for other in _folders if other in sys.path), default=len(sys.path) - 1)
        sys.path.insert(first, sys.path.pop())
        _folders.append(place)
    _known.add(place)


def keep_plain(top: str) -> None:
    """Allow `top` as a plain name: which folder it means has been found out."""
    _plain.add(top)


def prefix_of(folder: Path) -> str:
    """Return what the names of modules from `folder` begin with."""
    return folder.as_posix().rstrip("/").replace(".", "%2E") + "/"


class _Source(SourceFileLoader):
    """Runs a user's source: never bytecode that lies beside it, and only with the digest it was found with."""

    def get_code(self, fullname: str) -> Any:
        """Compile the source; ImportError when it has changed since its digest was taken."""
        path = self.get_filename(fullname)
        data = self.get_data(path)
        digest = hashlib.sha256(data).hexdigest()
        if DIGESTS.get(path, digest) != digest:
            raise ImportError(f"{path}: has changed: sha256 {digest}, expected {DIGESTS[path]}")
        return self.source_to_code(data, path)

    def exec_module(self, module: ModuleType) -> None:
        """Run it; its import statements look beside it first."""
        own = _import_beside(module.__name__.rpartition("/")[0] + "/")
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": own}
        super().exec_module(module)


class _Finder:
    """Finds `<folder>/<module>` for folders that `import_from` has put on Python's path, in child processes too.

    It comes first: which of several users' folders a plain name means nobody can know.
    """

    @staticmethod
    def find_spec(fullname: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """Return the spec of a source file or of a folder of them; None for any other name.

        Raises:
            ImportError: when it is a plain name that lies in several users' folders, and nowhere else.
        """
        place, slash, name = fullname.rpartition("/")
        if not slash and path is None and len(_folders) > 1:
            _require_one_folder(fullname)
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


def _require_one_folder(top: str) -> None:
    """Raise ImportError if the plain name `top` lies in several users' folders and nowhere else on Python's path."""
    specs = {folder: PathFinder.find_spec(top, [folder]) for folder in _folders if folder in sys.path}
    places = {folder: spec.origin or f"{folder}/{top}" for folder, spec in specs.items() if spec is not None}
    if len(places) > 1 and top not in _plain and find_on_path(top) is None:
        raise ImportError(
            f"module {top!r} lies in several folders of configurations: {' and '.join(places.values())}; an import "
            "statement in a module of one of them finds the right one, a plain name does not: rename one"
        )


def _import_beside(prefix: str) -> Callable[..., Any]:
    """Return the `__import__` of modules in the folder of `prefix`."""
    folder = prefix[:-1].replace("%2E", ".") or "/"
    lies_beside = functools.cache(lambda top: _lies_in(folder, top))  # an import may stand where every step passes

    def own_name(name: str) -> str:
        return prefix + name if lies_beside(name.partition(".")[0]) else name

    def own_import_module(name: str, package: str | None = None) -> ModuleType:
        """Import as `importlib.import_module` does, from beside the module where `name` lies there."""
        return importlib.import_module(name if name.startswith(".") else own_name(name), package)

    own_importlib = _Stand("importlib", importlib, {"import_module": own_import_module})

    def own_import(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        """Import `name`, from beside the module where it lies there."""
        found = builtins.__import__(own_name(name) if level == 0 else name, globals, locals, fromlist, level)
        return own_importlib if found is importlib else found

    return own_import


class _Stand(ModuleType):
    """Stands for a module, but for a few of its attributes."""

    def __init__(self, name: str, module: ModuleType, own: Mapping[str, Any]) -> None:
        super().__init__(name, module.__doc__)
        self.__dict__.update(own, _module=module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _lies_in(folder: str, top: str) -> bool:
    """Whether the module `top` lies in `folder` as source; a folder without `__init__` counts if nothing else does."""
    if top in sys.stdlib_module_names or top in PILLARS:
        return False
    spec = PathFinder.find_spec(top, [folder])
    if spec is None or spec.loader is not None:
        return spec is not None and isinstance(spec.loader, SourceFileLoader)
    others = [place for place in sys.path if _resolved(place) not in {_resolved(folder), *_known}]
    loaded = sys.modules.get(top)
    places = [*getattr(loaded, "__path__", ()), *filter(None, [getattr(loaded, "__file__", None)])]
    users = any(_resolved(str(Path(place).parent)) in _known for place in places)
    if loaded is not None and not users:
        return False
    found = PathFinder.find_spec(top, others)
    if found is None or found.loader is not None:
        return found is None
    # such a folder on the path, as of another user's that a new process has there, has no right over the one beside
    return not any(
        "-packages" in part for place in found.submodule_search_locations or () for part in Path(place).parts
    )


def _resolved(place: str) -> str:
    return str(Path(place or ".").resolve())


sys.meta_path.insert(0, _Finder)
