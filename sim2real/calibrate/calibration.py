"""Calibration: the severities of a shift that cost one policy a mild, moderate and severe share of its return.

Severities are searched on one set of seeds and measured again on another, and what is reported is the second: the
search picks what fits its own episodes best.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from envs import SHIFTS

from ..config.severities import level_names
from ..errors import UserError
from ..stats import FloatArray, Interval, interval
from .severity_search import DropCurve, Found, search

__all__ = ["Calibration", "Level", "Sides", "calibrate", "check_drops"]


@dataclass(frozen=True)
class Sides:
    """Returns (episodes,) on one set of seeds: of the policy at a severity, and of random actions at severity 0."""

    policy: Callable[[float], FloatArray]
    random: FloatArray


@dataclass(frozen=True)
class Level:
    """A severity that has a name.

    Attributes:
        name: e.g. `moderate`.
        wanted: the drop it is to cost.
        searched: the drop it costs on the seeds of the search; the nearest there is.
        severity: the number; None if there is none.
        remark: why there is none, or none nearer.
        drop: on fresh seeds, with its 95 % interval over episodes.
        mean_return: on fresh seeds.
    """

    name: str
    wanted: float
    searched: float
    severity: float | None = None
    remark: str = ""
    drop: Interval | None = None
    mean_return: float = float("nan")


@dataclass(frozen=True)
class Calibration:
    """What a search found.

    Attributes:
        levels: in the order of their drops.
        policy_return: mean return of the policy in the nominal world, on fresh seeds.
        random_return: of random actions, likewise.
        curve: (severity, drop) of everything measured in the search.
    """

    levels: list[Level]
    policy_return: float
    random_return: float
    curve: list[tuple[float, float]] = field(default_factory=list)

    @property
    def found(self) -> list[Level]:
        """The levels that have a severity."""
        return [level for level in self.levels if level.severity is not None]


def check_drops(drops: list[float]) -> list[float]:
    """Return the drops in order.

    Raises:
        UserError: when there is none, one is no share between 0 and 1, or one stands twice.
    """
    for drop in drops:
        if not 0 < drop < 1:
            raise UserError(f"drops: each must be > 0 and < 1, got {drop:g}")
    if not drops or len(set(drops)) < len(drops):
        raise UserError(f"drops: needs one or more different shares of the return, got {drops}")
    return sorted(drops)


def calibrate(
    shift: str, drops: list[float], searched: Sides, fresh: Callable[[], Sides], rng: np.random.Generator
) -> Calibration:
    """Find the severities of a shift that cost `drops`, and measure them again.

    Args:
        shift: a name in SHIFTS.
        drops: shares of the return, in order.
        searched: returns on the seeds of the search.
        fresh: gives those on other seeds.
        rng: of the bootstrap.

    Raises:
        UserError: when the policy is no better than random actions, as then there is nothing to lose.
    """
    curve = DropCurve(searched.policy, searched.random)
    if curve.span <= 0:
        raise UserError(
            f"the policy's return {curve.nominal.mean():.1f} is not above the {curve.random.mean():.1f} of random "
            "actions: it has nothing to lose; calibrate with a trained one"
        )
    results = search(curve, SHIFTS[shift], drops)
    sides = fresh()
    nominal = sides.policy(0.0)
    names = level_names(drops)
    levels = [_check(name, found, sides, nominal, rng) for name, found in zip(names, results, strict=True)]
    return Calibration(levels, float(nominal.mean()), float(sides.random.mean()), curve.points())


def _check(name: str, found: Found, sides: Sides, nominal: FloatArray, rng: np.random.Generator) -> Level:
    if found.severity is None:
        return Level(name, found.wanted, found.drop, remark=found.remark)
    returns = sides.policy(found.severity)
    rows = np.stack([nominal, returns, sides.random], axis=1)  # (episodes, 3), a row shares its seed
    drop = interval([rows], _drop_of_rows, rng)
    mean_return = float(returns.mean())
    return Level(name, found.wanted, found.drop, found.severity, found.remark, drop, mean_return)


def _drop_of_rows(values: FloatArray) -> FloatArray:
    """Return the drop of rows (nominal, shifted, random) that are joined on the last axis, (..., 3 n) -> (...)."""
    nominal, shifted, random = np.moveaxis(values.reshape(*values.shape[:-1], -1, 3).mean(axis=-2), -1, 0)
    drop: FloatArray = (nominal - shifted) / (nominal - random)
    return drop
