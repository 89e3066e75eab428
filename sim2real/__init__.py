"""sim2real: pretrain in cheap randomized worlds, transfer frozen, fine-tune on a shifted target, report honestly."""

from __future__ import annotations

import importlib.util
from importlib import import_module
from pathlib import Path

__all__ = ["__version__"]

__version__ = "0.3.0"


def _refuse_foreign_pillars() -> None:
    """Raise ImportError when another package called `envs` or `agents` would be imported instead of ours.

    Both names are common; a script's own folder of that name comes first on the path.
    """
    home = Path(__file__).resolve().parent.parent
    for name in ("envs", "agents"):
        spec = importlib.util.find_spec(name)
        found = Path(spec.origin).resolve().parent if spec and spec.origin else None
        if found != home / name:
            raise ImportError(
                f"sim2real needs its own package {name!r} ({home / name}), but Python finds {found or 'none'}; "
                f"run from another folder or rename that one"
            )


_refuse_foreign_pillars()
import_module("envs")  # registers its environments with Gymnasium
