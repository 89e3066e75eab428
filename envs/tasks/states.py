"""Arithmetic on the states of all worlds, some of which may have diverged and hold infinities or NaN."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..options import Range

__all__ = ["between", "length", "quiet"]

Array = NDArray[np.float64]

# As a decorator: until a diverged world has been found out, its sin(inf) and inf - inf are nothing to warn of.
quiet = np.errstate(invalid="ignore", over="ignore")


def between(values: Array, ends: Range) -> NDArray[np.bool_]:
    """Return which of `values`, any shape, lie inside the open range `ends`; NaN does not."""
    inside: NDArray[np.bool_] = (ends[0] < values) & (values < ends[1])
    return inside


@quiet
def length(vectors: Array) -> Array:
    """Return the Euclidean length of vectors (num_envs, n), (num_envs,), in their unit.

    The dot product is the one numpy.linalg.norm takes of a single vector, so that the last bit is the same.
    """
    lengths: Array = np.sqrt(np.vecdot(vectors, vectors))
    return lengths
