"""sim2real: pretrain in cheap randomized worlds, transfer frozen, fine-tune on a shifted target, report honestly.

    import sim2real

    source = sim2real.pretrain("hopper", out="runs/hopper")
    run = sim2real.transfer(source, "heavy", out="runs/hopper-heavy")
    print(run.summary["initial_return"], run.summary["final_return"])
    print(sim2real.evaluate(run, "heavy").interval)
    policy = sim2real.load_policy(run)

Importing this package registers the `sim2real/...` environments with Gymnasium. The functions below are imported when
they are first used, and torch with them. Where a folder has the same name (`bench`, `report`, `transfer`), the name
means the function; modules in the folder are imported as ever: `from sim2real.report import write_report`.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .versions import __version__

if TYPE_CHECKING:
    from .api import (
        Run,
        RunPolicy,
        bench,
        evaluate,
        load_config,
        load_policy,
        make_vec,
        pretrain,
        report,
        transfer,
    )

__all__ = [
    "Run",
    "RunPolicy",
    "__version__",
    "bench",
    "evaluate",
    "load_config",
    "load_policy",
    "make_vec",
    "pretrain",
    "report",
    "transfer",
]

_HOME = Path(__file__).resolve().parent.parent
_PILLARS = ("envs", "agents")


class _OwnPillars:
    """Finds our `envs` and `agents` before folders of that name, both common, that come first on Python's path."""

    @staticmethod
    def find_spec(fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return the spec of a pillar; None for any other name."""
        if fullname not in _PILLARS:
            return None
        return importlib.util.spec_from_file_location(fullname, _HOME / fullname / "__init__.py")


def _require_own_pillars() -> None:
    """See to it that `envs` and `agents` mean ours, also beside a script with folders of these names.

    Raises:
        ImportError: when another one has been imported already, or ours is not there.
    """
    for name in _PILLARS:
        module = sys.modules.get(name)
        spec = importlib.util.find_spec(name) if module is None else module.__spec__
        found = Path(spec.origin).resolve().parent if spec and spec.origin else None
        if found == _HOME / name:
            continue
        if module is not None or not (_HOME / name / "__init__.py").is_file():
            raise ImportError(
                f"sim2real needs its own package {name!r} ({_HOME / name}), but Python finds {found or 'none'}; "
                f"import sim2real before that one, run from another folder or rename that one"
            )
        if _OwnPillars not in sys.meta_path:
            sys.meta_path.insert(0, _OwnPillars)


_require_own_pillars()
import_module("envs")  # registers its environments with Gymnasium


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(".api", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """This package: importing the folder `transfer` does not replace the function of that name."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in __all__ or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
