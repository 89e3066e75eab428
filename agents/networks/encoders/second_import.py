"""A user's module imported a second time: its globals and class attributes as they are before anything has been called.

State that a class keeps in them is shared by all its instances, so that two instances of one class never differ in it.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from ...errors import AgentsError
from ..torch_seeding import seeded

__all__ = ["SecondImport", "second_imports", "shared_values"]

_SHARED = {"torch", __name__.partition(".")[0], *sys.stdlib_module_names}  # cannot be had twice
_INSTALLED = ("site-packages", "dist-packages")
_CODE = (type, ModuleType, FunctionType, BuiltinFunctionType, classmethod, staticmethod, property)


class SecondImport:
    """`place` and the user's modules that it imports, apart from those that `import` finds.

    The user's modules are those in the folder of `place`; of an installed package, the package alone. All others are
    shared. `import` finds the second modules only while `active`.
    """

    def __init__(self, place: str) -> None:
        """Import `place` again; AgentsError naming the reason if that fails."""
        top = _top(place)
        self._home = _home(top)
        self._only = top if self._home is not None and self._home.name in _INSTALLED else None
        self.modules: dict[str, ModuleType] = {}
        try:
            with self.active(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what is registered twice
                self._module = importlib.import_module(place)
        except (Exception, SystemExit) as error:  # whatever the user's module raises
            reason = f"{type(error).__name__}: {error}"
            raise AgentsError(f"module {place!r} fails to import a second time: {reason}") from error
        if self._module is sys.modules[place] and top != "torch":
            raise AgentsError(f"module {place!r} cannot be imported a second time; put the class in a file of its own")

    def __deepcopy__(self, memo: object) -> SecondImport:
        """Return itself: a copy of an encoder is compared with the same."""
        return self

    def find(self, name: str) -> Any:
        """Return what is called `name` in it."""
        return getattr(self._module, name)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Let `import` find these modules instead of the first ones for a while."""
        first = self.first()
        for name in first:
            del sys.modules[name]
        sys.modules.update(self.modules)
        try:
            yield
        finally:
            self.modules = self.first()
            for name in self.modules:
                del sys.modules[name]
            sys.modules.update(first)

    def first(self) -> dict[str, ModuleType]:
        """Return those of the user's modules that `import` finds now."""
        found, known = {}, {"__main__": False}
        for name, module in list(sys.modules.items()):
            top = _top(name)
            if top not in known:
                known[top] = top not in _SHARED and (top == self._only if self._only else self._lies_in_home(top))
            if known[top]:
                found[name] = module
        return found

    def _lies_in_home(self, top: str) -> bool:
        return self._home is not None and _home(top) == self._home


_imports: WeakKeyDictionary[ModuleType, tuple[SecondImport, SecondImport]] = WeakKeyDictionary()


def second_imports(place: str) -> tuple[SecondImport, SecondImport]:
    """Return two second imports of a module that is imported; made once, so that editing its file changes nothing.

    Raises:
        AgentsError: when it cannot be imported again.
    """
    module = sys.modules[place]
    if module not in _imports:
        with seeded(1):  # what a module draws as it is imported differs between the two, and from what it drew first
            _imports[module] = (SecondImport(place), SecondImport(place))
    return _imports[module]


def shared_values(modules: Mapping[str, ModuleType]) -> dict[str, Any]:
    """Return globals, as `module.name`, and class attributes, as `module.Class.name`, that are no code."""
    found: dict[str, Any] = {}
    for place, module in modules.items():
        label = place.rpartition("/")[2]
        for name, value in list(vars(module).items()):
            if isinstance(value, type) and value.__module__ == module.__name__:
                found |= {f"{label}.{name}.{key}": entry for key, entry in vars(value).items() if _is_data(key, entry)}
            elif _is_data(name, value):
                found[f"{label}.{name}"] = value
    return found


def _is_data(name: str, value: Any) -> bool:
    return not name.startswith("__") and not isinstance(value, _CODE) and not hasattr(value, "__get__")


def _top(name: str) -> str:
    return name.partition(".")[0]


def _home(top: str) -> Path | None:
    """Return the folder that a module without a package was imported from; None if from none."""
    spec = getattr(sys.modules.get(top), "__spec__", None)
    places = list(getattr(spec, "submodule_search_locations", None) or ()) or [getattr(spec, "origin", None)]
    return Path(places[0]).parent if isinstance(places[0], str) else None
