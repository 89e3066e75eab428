"""MuJoCo's messages go to Python's logging, not to the console or to a MUJOCO_LOG.TXT in the user's folder.

They are logged as INFO by the logger `envs.mujoco`: a world that diverges is reported by `info["fault"]`
already.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import mujoco

__all__ = ["compile_quietly", "route_messages"]

_logger = logging.getLogger("envs.mujoco")


def route_messages() -> None:
    """Send MuJoCo's warnings to the logger, unless the user has installed a handler of their own."""
    if mujoco.get_mju_user_warning() is not None:
        return
    config = mujoco.MjLogConfig.get()
    config.logto_file = False
    config.logto_console = False
    config.set()
    mujoco.set_mju_user_warning(lambda message: _logger.info("%s", message))


@contextmanager
def compile_quietly() -> Iterator[None]:
    """Turn Python warnings raised inside, as by MjSpec.compile, into log records."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        _logger.info("%s", warning.message)
