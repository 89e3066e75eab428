"""Memory: what a learner is going to need, compared with what the machine has before anything is allocated."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

from .errors import AgentsError

__all__ = ["allocating", "machine_memory", "num_weights", "require_memory"]

_FAILURES = (
    "not enough memory",
    "allocate memory",
    "out of memory",
    "bad_alloc",
    "array is too big",
    "maximum allowed dimension",
    "storage size calculation overflowed",
    "overflow when unpacking",
)
_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of version 2, of version 1


def machine_memory() -> int | None:
    """Return the bytes of memory this process may ever have; None where the system does not say."""
    found = []
    with suppress(AttributeError, ValueError, OSError):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for place in _CGROUPS:
        with suppress(OSError, ValueError):
            found.append(int(Path(place).read_text(encoding="ascii")))
    return min(found) if found else None


def num_weights(widths: Sequence[int]) -> int:
    """Return the number of weights and biases of a stack of linear layers."""
    return sum(inputs * outputs + outputs for inputs, outputs in pairwise(widths))


def require_memory(needs: Mapping[str, int]) -> None:
    """Check that the machine has what is needed: bytes by the setting they come from.

    Memory that is only touched as it fills (a replay) counts whole: more than the machine has cannot be allocated.

    Raises:
        AgentsError: naming the setting, the estimate and what there is.
    """
    there = machine_memory()
    for name, num_bytes in needs.items():
        if there is not None and num_bytes > there:
            raise AgentsError(f"{name}: needs about {_text(num_bytes)} of memory, this machine has {_text(there)}")


@contextmanager
def allocating(what: str) -> Iterator[None]:
    """Turn a failure to allocate into one message.

    Raises:
        AgentsError: when there is not enough memory for `what`.
    """
    try:
        yield
    except (MemoryError, OverflowError) as error:
        raise AgentsError(f"{what}: not enough memory: {error}") from error
    except (RuntimeError, ValueError, TypeError) as error:
        text = str(error).lower()  # torch and numpy have no classes of their own for most of this
        if not any(word in text for word in _FAILURES):
            raise
        raise AgentsError(f"{what}: not enough memory: {' '.join(str(error).split())}") from error


def _text(num_bytes: int) -> str:
    for unit in ("kB", "MB", "GB", "TB"):
        num_bytes, rest = divmod(num_bytes, 1000)
        if num_bytes < 1000:
            return f"{num_bytes + rest / 1000:.3g} {unit}"
    return f"{num_bytes:,} TB"
