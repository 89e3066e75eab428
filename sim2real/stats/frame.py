"""What all methods on one target share, and the runs of one of them that count."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .curves import Curves
from .estimation.metrics import threshold
from .records import RunRecord

__all__ = ["HEAD_START", "ORACLE_SHARE", "Arm", "Costs", "Frame", "add_costs", "compute_costs", "generator_for"]

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
    def no_span(self) -> str:
        """Why there is no span; empty where there is one."""
        if not math.isfinite(self.floor):
            return "no finished run of scratch, so no floor"
        if not math.isfinite(self.source_return):
            return "no finished run says what its source agent reached on the source"
        return self.nothing_learnt

    @property
    def nothing_learnt(self) -> str:
        """Says so where the source agents are known to be no better than an untrained one; else empty."""
        if not self.source_return <= self.floor:
            return ""
        return (
            f"the source agents learnt nothing: they reach {self.source_return:.4g} on the source, an untrained agent "
            f"{self.floor:.4g} on the target"
        )

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

    `eval_faults` are evaluation episodes on the target in which the simulation diverged, None where some are unknown.
    `source_steps` are those of the agents the runs began from and those they took in worlds of the source themselves.
    """

    source_steps: int
    target_steps: int
    eval_steps: int
    episodes: int
    falls: int
    eval_faults: int | None
    wall_seconds: float


def compute_costs(records: Sequence[RunRecord]) -> Costs:
    """Sum what runs have spent."""
    return add_costs(
        Costs(
            source_steps=r.source_steps + r.companion_steps,
            target_steps=r.target_steps,
            eval_steps=r.eval_steps,
            episodes=r.episodes,
            falls=r.falls,
            eval_faults=r.eval_faults,
            wall_seconds=r.wall_seconds,
        )
        for r in records
    )


def add_costs(several: Iterable[Costs]) -> Costs:
    """Sum costs; faults that one of them does not know are unknown of all."""
    costs = tuple(several)
    faults = [c.eval_faults for c in costs if c.eval_faults is not None]
    return Costs(
        source_steps=sum(c.source_steps for c in costs),
        target_steps=sum(c.target_steps for c in costs),
        eval_steps=sum(c.eval_steps for c in costs),
        episodes=sum(c.episodes for c in costs),
        falls=sum(c.falls for c in costs),
        eval_faults=sum(faults) if len(faults) == len(costs) else None,
        wall_seconds=math.fsum(c.wall_seconds for c in costs),
    )


def generator_for(*names: str) -> np.random.Generator:
    """Generator that depends on the names alone: another method in the table moves nobody's interval."""
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
