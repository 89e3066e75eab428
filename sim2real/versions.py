"""The versions a result depends on."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from importlib import metadata

__all__ = ["__version__", "collect_versions", "join_versions"]

__version__ = "0.3.0"

_AND = ", "  # between versions
PACKAGES = ("torch", "mujoco", "gymnasium", "stable-baselines3", "numpy", "scipy")


def collect_versions() -> dict[str, str]:
    """Return name -> version of this package, Python and the packages results depend on."""
    packages = {name: metadata.version(name) for name in PACKAGES}
    return {"sim2real": __version__, "python": platform.python_version(), **packages}


def join_versions(several: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return package -> version, all that occur where `several` differ: `1.0, 2.0`, which may be joined again."""
    found: dict[str, dict[str, None]] = {}
    for versions in several:
        for name, version in versions.items():
            found.setdefault(name, {}).update(dict.fromkeys(version.split(_AND)))
    return {name: _AND.join(own) for name, own in found.items()}
