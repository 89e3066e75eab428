"""The configurations that come along: inside the installed package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

__all__ = ["shipped_config", "shipped_configs"]

_HOME = Path(__file__).parent.parent


def shipped_configs() -> dict[str, Path]:
    """Return name -> file of every run configuration that comes along."""
    installed, checkout = _HOME / "configs", _HOME.parent / "configs"
    folder = installed if installed.is_dir() else checkout
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def shipped_config(name: str) -> Path | None:
    """Return the file of the configuration called `name`, None if none comes along under it."""
    return shipped_configs().get(name)
