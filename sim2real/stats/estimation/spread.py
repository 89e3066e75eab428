"""Welch's t interval for means and differences of means over seeds, with Hall's correction for skewness.

Runs of reinforcement learning are skewed, and then Welch's t (Biometrika 34, 1947) misses on the side of the long tail:
at ten lognormal runs it covers 84 % instead of 95. Hall's transformation ("On the removal of skewness by
transformation", J. R. Stat. Soc. B 54, 1992) takes that out: T + g T^2 / 3 + g^2 T^3 / 27 + g / 6 is closer to t than
T = (estimate - truth) / se is, where g is the skewness of the estimate. It is monotone, so that ends of intervals and
probabilities are inverses of each other. The skewness of a few runs is mostly noise; it counts with a weight of
1 - 3 / n, so that the interval of three runs is the plain t interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # its parts, which take long, are imported when they are first named

from .metrics import FloatArray

__all__ = ["Spread", "compute_spread", "mean_ends", "symmetric", "widening"]


@dataclass(frozen=True)
class Spread:
    """How far the compared means of some arms may lie from the truth.

    Attributes:
        se: standard error of their sum (the last arm of two is subtracted); 0 when nothing varies.
        df: Welch & Satterthwaite's degrees of freedom, in seeds.
        skewness: of the estimate, shrunk for few seeds; 0 when nothing varies.
        narrowness: unbiased / plug-in variance.
    """

    se: float
    df: float
    skewness: float
    narrowness: float


def compute_spread(arms: Sequence[Sequence[FloatArray]]) -> Spread | None:
    """Return the spread of one mean, or of the difference of two; None when a stratum has a single seed."""
    variances, thirds, sizes = [], [], []
    for sign, arm in zip((1.0, -1.0), arms, strict=False):
        strata = [np.reshape(stratum, (len(stratum), -1)) for stratum in arm]
        total = sum(int(np.isfinite(stratum).sum()) for stratum in strata)
        middle = sum(float(np.nansum(stratum)) for stratum in strata) / total
        for stratum in strata:
            if len(stratum) < 2:
                return None
            # what a seed adds to the arm's mean: also right where seeds have unequal numbers of runs
            pull = np.nansum(stratum - middle, axis=1) / total
            variances.append(pull.size * float(pull.var(ddof=1)))
            thirds.append(sign * pull.size * _third_moment(pull))
            sizes.append(pull.size)
    variance, size = np.array(variances), np.array(sizes, dtype=np.float64)
    largest = variance.max(initial=0.0)
    if largest <= 0.0:
        return Spread(0.0, math.inf, 0.0, 1.0)
    share = variance / largest  # only proportions matter; this keeps the squares from underflowing
    narrowness = share.sum() / (share * (size - 1.0) / size).sum()
    df = share.sum() ** 2 / (share**2 / (size - 1.0)).sum()
    se = math.sqrt(variance.sum())
    return Spread(se, float(df), math.fsum(thirds) / se**3 if se**3 > 0.0 else 0.0, float(narrowness))


def _third_moment(values: FloatArray) -> float:
    """Third central moment of a population from n of its values, unbiased, times 1 - 3 / n; 0 for fewer than four."""
    n = values.size
    if n < 4:
        return 0.0
    return (1.0 - 3.0 / n) * n / ((n - 1.0) * (n - 2.0)) * float(((values - values.mean()) ** 3).sum())


def symmetric(t: float, skewness: float) -> float:
    """Hall's transformation of T = (estimate - truth) / se to what is closer to Student's t."""
    return t + skewness * t**2 / 3.0 + skewness**2 * t**3 / 27.0 + skewness / 6.0


def skewed(t: float, skewness: float) -> float:
    """Inverse of `symmetric`."""
    if abs(skewness) < 1e-6:
        return t
    return 3.0 / skewness * (float(np.cbrt(1.0 + skewness * (t - skewness / 6.0))) - 1.0)


def mean_ends(point: float, spread: Spread | None, confidence: float) -> tuple[float, float]:
    """Return the ends of the t interval around a mean, or difference of means, `point`; NaN without a spread."""
    if spread is None:
        return math.nan, math.nan
    if spread.se <= 0.0:
        return point, point
    quantile = float(scipy.special.stdtrit(spread.df, 0.5 + confidence / 2.0))
    low, high = (point - spread.se * skewed(end, spread.skewness) for end in (quantile, -quantile))
    return low, high


def widening(arms: Sequence[Sequence[FloatArray]], confidence: float = 0.95) -> float:
    """Factor c of `intervals`' text for arms (each a sequence of strata) whose means are compared.

    A stratum is (num_seeds,) or (num_seeds, num_targets) with NaN where a run is absent. NaN when a stratum has
    a single seed (its spread is unknown); 1 when nothing varies.
    """
    spread = compute_spread(arms)
    if spread is None:
        return math.nan
    if spread.se <= 0.0:
        return 1.0
    quantile = 0.5 + confidence / 2.0
    return float(
        math.sqrt(spread.narrowness) * scipy.special.stdtrit(spread.df, quantile) / scipy.special.ndtri(quantile)
    )
