"""Seeds: what the one seed of a learner becomes, so that nothing that draws hangs on what else does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

__all__ = ["Seeds"]


@dataclass(frozen=True)
class Seeds:
    """Branches of a seed.

    Attributes:
        weights: of everything that begins fresh: policies, surgeries, classifiers; updates branch off it.
        noise: of the learner's own generator: actions, permutations, batches.
        measuring: of what a regulariser measures in worlds of the source.
        adapting: of an adaptation.
    """

    weights: int
    noise: int
    measuring: int
    adapting: int

    @classmethod
    def of(cls, seed: int | None) -> Self:
        """Return the branches of `seed`; None: of a seed from the system's entropy."""
        root = np.random.SeedSequence(seed)
        weights, noise = root.generate_state(2, np.uint64)
        measuring, adapting = (_branch(root.entropy, branch) for branch in (0, 1))
        return cls(int(weights), int(noise), measuring, adapting)

    def of_update(self, steps: int) -> int:
        """Return the seed of the update after `steps` environment steps: a run that is continued has the same."""
        return _branch(self.weights, steps)


def _branch(seed: Any, key: int) -> int:
    return int(np.random.SeedSequence(seed, spawn_key=(key,)).generate_state(1, np.uint64)[0])
