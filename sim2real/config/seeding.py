"""One seed tree: every use of randomness has a name, and its seed follows from the run's seed and that name."""

from __future__ import annotations

import zlib

import numpy as np

__all__ = ["derive_seed"]


def derive_seed(seed: int, *path: str) -> int:
    """Return a 32-bit seed for the use named by `path`, e.g. `derive_seed(0, "target", "evaluation")`.

    Seeds of different paths are independent (numpy's SeedSequence over the run's seed and a checksum of each word).
    """
    words = [zlib.crc32(word.encode()) for word in path]
    return int(np.random.SeedSequence([seed, *words]).generate_state(1)[0])
