"""sim2real: pretrain in cheap randomized worlds, transfer frozen, fine-tune on a shifted target, report honestly."""

from __future__ import annotations

import importlib.util
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path

__all__ = ["__version__"]

__version__ = "0.3.0"

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
