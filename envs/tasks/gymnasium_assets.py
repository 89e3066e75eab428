"""The MuJoCo models that ship with the installed Gymnasium."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import mujoco

from ..errors import EnvsError
from ..physics.logs import compile_quietly

__all__ = ["gymnasium_spec"]


def gymnasium_spec(file: str) -> mujoco.MjSpec:
    """Return the spec of Gymnasium's own model `file`, e.g. `hopper.xml`.

    Raises:
        EnvsError: when the installed Gymnasium does not ship it.
    """
    path = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets" / file  # not imported: that loads renderers
    if not path.is_file():
        raise EnvsError(f"model file {file!r}: not part of the installed gymnasium (looked at {path})")
    with compile_quietly():
        return mujoco.MjSpec.from_file(str(path))
