"""What a model file comes to before MuJoCo reads it: its parser expands `<replicate>` however often it is asked to."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from ..errors import EnvsError

__all__ = ["require_bounded_model"]

_ELEMENTS = 200_000  # the largest models in use have some thousand
_COPIED = 5_000  # of which <replicate> makes: MuJoCo's parser takes time with the square of them, here about 15 s
_INCLUDES = 16  # files in one another


def require_bounded_model(path: Path) -> None:
    """Check that an MJCF or URDF file has a bounded number of elements and copies, included files counted.

    A file that is no XML passes: MuJoCo says what is wrong with it.

    Raises:
        EnvsError: when there are more.
    """
    count, written = _count(path, 0, copied=True), _count(path, 0, copied=False)
    if count > _ELEMENTS or count - written > _COPIED:
        raise EnvsError(
            f"{path}: comes to {count:,} elements with all copies of <replicate>, at most {_ELEMENTS:,}, of which "
            f"{_COPIED:,} copies, are read; lower its count"
        )


def _count(path: Path, depth: int, *, copied: bool) -> int:
    """Return how many elements a file comes to, with the copies that <replicate> makes if `copied`."""
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError):
        return 0
    return _count_element(root, path, depth, copied=copied)


def _count_element(element: ET.Element, path: Path, depth: int, *, copied: bool) -> int:
    if element.tag == "include" and depth < _INCLUDES:
        return _count(path.parent / element.get("file", ""), depth + 1, copied=copied)
    copies = element.get("count", "1") if copied and element.tag == "replicate" else "1"
    below = sum(_count_element(child, path, depth, copied=copied) for child in element)
    return 1 + below * (int(copies) if copies.isdecimal() else 1)
