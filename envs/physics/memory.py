"""Memory: what worlds are going to need, compared with what the machine has before anything is allocated."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import mujoco

from ..errors import EnvsError

__all__ = ["allocating_worlds"]

_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of version 2, of version 1


@contextmanager
def allocating_worlds(model: mujoco.MjModel, num_envs: int) -> Iterator[None]:
    """Allocate `num_envs` worlds of `model` within; where they cannot fit the machine, nothing is.

    Raises:
        EnvsError: naming num_envs, the estimate and what there is.
    """
    needed, there = num_envs * int(mujoco.MjData(model).nbuffer), _machine_memory()
    reason = f"num_envs: {num_envs:,} worlds need at least {needed / 1e9:,.3g} GB of memory"
    if there is not None and needed > there:
        raise EnvsError(f"{reason}, this machine has {there / 1e9:,.3g} GB")
    try:
        yield
    except (MemoryError, OverflowError) as error:
        raise EnvsError(f"{reason}, which is not there") from error
    except ValueError as error:
        if "bad_alloc" not in str(error):
            raise
        raise EnvsError(f"{reason}, which is not there") from error


def _machine_memory() -> int | None:
    """Return the bytes of memory this process may ever have; None where the system does not say."""
    found = []
    with suppress(AttributeError, ValueError, OSError):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for place in _CGROUPS:
        with suppress(OSError, ValueError):
            found.append(int(Path(place).read_text(encoding="ascii")))
    return min(found) if found else None
