"""How often a run of one method beats a run of another, with an interval that stays honest when all pairs agree.

A bootstrap cannot help here: arms that do not overlap do not overlap in any resample either, and the interval
would have no width. Newcombe's interval inverts the spread that the statistic would have at every candidate
value, so three runs against three that all agree still leave a wide one.
"""

from __future__ import annotations

import math

import numpy as np
import scipy  # its parts, which take long, are imported when they are first named

from .intervals import Interval
from .metrics import FloatArray

__all__ = ["newcombe_interval", "probability_of_improvement"]


def probability_of_improvement(treated: FloatArray, control: FloatArray) -> float:
    """P(treated > control) + P(treated = control) / 2 over all pairs of runs: Mann & Whitney's U / (n m).

    (num_treated,) and (num_control,), not empty; Mann & Whitney, Ann. Math. Stat. 18 (1947).
    """
    a, b = np.asarray(treated, dtype=np.float64), np.asarray(control, dtype=np.float64)
    ranks = scipy.stats.rankdata(np.concatenate([a, b]))[: a.size]  # not pair by pair: thousands of runs have millions
    return float((ranks.sum() - a.size * (a.size + 1) / 2.0) / (a.size * b.size))


def _variance(probability: float, num_treated: int, num_control: int) -> float:
    """Variance of U / (n m) where the true probability is p: Hanley & McNeil's (Radiology 143, 1982), with
    Newcombe's k = (n + m) / 2 - 1 for both n - 1 and m - 1.
    """
    p, k = probability, (num_treated + num_control) / 2.0 - 1.0
    pairs = 1.0 + k * (1.0 - p) / (2.0 - p) + k * p / (1.0 + p)
    return p * (1.0 - p) * pairs / (num_treated * num_control)


def newcombe_interval(treated: FloatArray, control: FloatArray, *, confidence: float = 0.95) -> Interval:
    """`probability_of_improvement` of treated (num_treated,) over control (num_control,) with Newcombe's interval.

    All p with (estimate - p)^2 <= t^2 Var(p): method 5 of Newcombe, "Confidence intervals for an effect size
    measure based on the Mann-Whitney statistic. Part 2", Stat. Med. 25:559-573 (2006), with the t quantile of
    n + m - 2 degrees of freedom for z, without which three runs against three cover 90 % where nothing differs
    and would exclude 1/2, though one such draw in ten agrees in all pairs. An arm of a single run has a point
    and no interval. Raises ValueError on an empty arm or a value that is not finite.
    """
    arms = [np.asarray(arm, dtype=np.float64).ravel() for arm in (treated, control)]
    if not all(arm.size and np.all(np.isfinite(arm)) for arm in arms):
        raise ValueError(f"both arms need at least one run and finite values, are {[arm.tolist() for arm in arms]}")
    point, (n, m) = probability_of_improvement(*arms), (arms[0].size, arms[1].size)
    if min(n, m) < 2:
        return Interval(point, math.nan, math.nan, min(n, m))
    quantile = float(scipy.stats.t.ppf(0.5 + confidence / 2.0, n + m - 2))

    def outside(p: float) -> float:
        # the root of Newcombe's equation, which unlike its square changes sign at an end that equals the point
        return abs(point - p) - quantile * math.sqrt(_variance(p, n, m))

    def end(limit: float) -> float:
        # just off the point the difference is nil and the spread is not, so the sign changes on the way to the limit
        near = point + 1e-9 * (limit - point)
        return float(limit if point == limit else scipy.optimize.brentq(outside, near, limit))

    return Interval(point, end(0.0), end(1.0), min(n, m))
