"""The configurations that come along: inside the installed package, or beside it in a checkout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["find_config", "shipped_benches", "shipped_config", "shipped_configs"]

_HOME = Path(__file__).parent.parent


def _folder() -> Path:
    installed, checkout = _HOME / "configs", _HOME.parent / "configs"
    return installed if installed.is_dir() else checkout


def shipped_configs() -> dict[str, Path]:
    """Return name -> file of every run configuration that comes along."""
    return {file.stem: file for file in sorted(_folder().glob("*.yaml"))}


def shipped_benches() -> dict[str, Path]:
    """Return name -> file of every benchmark that comes along."""
    return {file.stem: file for file in sorted((_folder() / "bench").glob("*.yaml"))}


def shipped_config(name: str) -> Path | None:
    """Return the file of the configuration called `name`, None if none comes along under it."""
    return shipped_configs().get(name)


def find_config(path: Path, shipped: Mapping[str, Path]) -> Path:
    """Return the file that the user means: the one at `path`, or the one of that name among `shipped`."""
    there = path.exists() and not path.is_dir()  # a folder may be called like a configuration
    return path if there else shipped.get(str(path), path)
