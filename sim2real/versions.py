"""The versions a result depends on."""

from __future__ import annotations

import platform
from importlib import metadata

from . import __version__

__all__ = ["collect_versions"]

PACKAGES = ("torch", "mujoco", "gymnasium", "stable-baselines3", "numpy", "scipy")


def collect_versions() -> dict[str, str]:
    """Return name -> version of this package, Python and the packages results depend on."""
    packages = {name: metadata.version(name) for name in PACKAGES}
    return {"sim2real": __version__, "python": platform.python_version(), **packages}
