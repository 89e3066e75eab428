"""What all methods on one target share, and the runs of one of them that count."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..records import RunRecord
from .curves import Curves
from .metrics import threshold

__all__ = ["HEAD_START", "ORACLE_SHARE", "Arm", "Costs", "Frame", "compute_costs", "generator_for"]

HEAD_START = 0.1
"""Share of the span by which a run must start above the floor for its dip to count. Relative to the span, so that it
means the same everywhere; not a multiple of scratch's spread at step 0, which three seeds hardly know."""
ORACLE_SHARE = 0.95
"""Share of the way from the floor to the oracle's return that counts as having got where the oracle got."""


@dataclass(frozen=True)
class Frame:
    """What all methods on one target share: budget in target steps and the returns everything is measured
    against.

    `floor` is scratch's mean return at step 0, `source_return` the source policies' mean on the source
    domain, `threshold` lies between; `oracle_return` is the oracle's mean asymptotic return and `oracle_steps`
    what it spent on the target. NaN, and 0 steps, where the runs to know it are absent.
    """

    env: str
    target: str
    budget: int
    floor: float
    source_return: float
    threshold: float
    oracle_return: float = math.nan
    oracle_steps: int = 0

    @property
    def span(self) -> float:
        """source_return - floor, NaN unless positive."""
        span = self.source_return - self.floor
        return span if span > 0.0 else math.nan

    @property
    def head_start(self) -> float:
        """Return above which a run starts with something to lose: floor + HEAD_START * span, NaN without a span."""
        return self.floor + HEAD_START * self.span

    @property
    def oracle_level(self) -> float:
        """floor + ORACLE_SHARE * (oracle_return - floor), NaN unless the oracle ends above the floor."""
        return threshold(self.floor, self.oracle_return, ORACLE_SHARE)


@dataclass(frozen=True)
class Arm:
    """The runs of one method that count, with their aligned curves: returns (num_runs, num_points)."""

    method: str
    records: tuple[RunRecord, ...]
    curves: Curves


@dataclass(frozen=True)
class Costs:
    """Environment steps, episodes and falls summed over all runs that reported any, failed ones too; wall time in s.

    `eval_faults` are evaluation episodes in which the simulation diverged, of the runs that counted them.
    `source_steps` are those of the agents the runs began from and those they took in worlds of the source themselves.
    """

    source_steps: int
    target_steps: int
    eval_steps: int
    episodes: int
    falls: int
    eval_faults: int
    wall_seconds: float


def compute_costs(records: Sequence[RunRecord]) -> Costs:
    """Sum what runs have spent."""
    return Costs(
        source_steps=sum(r.source_steps + r.companion_steps for r in records),
        target_steps=sum(r.target_steps for r in records),
        eval_steps=sum(r.eval_steps for r in records),
        episodes=sum(r.episodes for r in records),
        falls=sum(r.falls for r in records),
        eval_faults=sum(r.eval_faults or 0 for r in records),
        wall_seconds=math.fsum(r.wall_seconds for r in records),
    )


def generator_for(*names: str) -> np.random.Generator:
    """Generator that depends on the names alone: another method in the table moves nobody's interval."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
