"""Times that were not reached within the budget: known to be longer, not known how long.

Dropping them would flatter a method and replacing them by the budget would too, if nobody said so. Both
answers here say so: the median needs only the order of the times (infinity is the largest), the restricted
mean is the mean of min(time, budget), the mean time spent below the threshold within the budget (Royston &
Parmar, BMC Med. Res. Methodol. 13:152, 2013). The restricted interquartile mean is the same of the middle half.
The number of censored runs travels along.

Runs that are all censored, or nearly, do not show how far others would spread: of three such samples at 40 %
censoring one in seven misses the mean. As Agresti & Coull add failures and successes to a proportion (Am. Stat. 52,
1998), such a sample gets one more run at either end, at once and never, before its interval is taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy  # its parts, which take long, are imported when they are first named

from .intervals import Interval, Statistic, interval, iqm, mean
from .metrics import FloatArray

__all__ = ["CensoredInterval", "censored_interval"]


@dataclass(frozen=True)
class CensoredInterval:
    """Times to a level of one method: median, restricted mean and restricted interquartile mean in target steps, with
    what was not reached.

    A median (or its bound) of inf means beyond `budget`. `times` are the runs' own, inf where censored.
    """

    median: Interval
    restricted_mean: Interval
    restricted_iqm: Interval
    num_censored: int
    num_runs: int
    budget: float
    times: tuple[float, ...]

    def restricted(self, statistic: str) -> Interval:
        """Return the restricted interquartile mean for the statistic `IQM`, else the restricted mean."""
        return self.restricted_iqm if statistic == "IQM" else self.restricted_mean


def _median(values: FloatArray) -> FloatArray:
    """Median over the last axis; (a + b) / 2 of the middle two keeps inf where a lerp would make NaN of inf
    - inf.
    """
    ordered = np.sort(values, axis=-1)
    size = ordered.shape[-1]
    middle: FloatArray = (ordered[..., (size - 1) // 2] + ordered[..., size // 2]) / 2.0
    return middle


def censored_interval(
    times: FloatArray, budget: float, rng: np.random.Generator, *, confidence: float = 0.95, reps: int = 2000
) -> CensoredInterval:
    """Intervals of median and restricted means of `times` (num_runs,), inf where not reached within `budget`.

    The median's is the exact one of order statistics, for any distribution: it takes six runs for 95 %, and with fewer
    is all that a time can be, [0, inf]. (The range of n runs contains the median with a probability of 1 - 2^(1-n):
    75 % for three, 94 % for five.) The restricted means' are clipped to [0, budget]. Raises ValueError on NaN or a
    time below 0.
    """
    times = np.asarray(times, dtype=np.float64).ravel()
    if times.size == 0 or np.any(np.isnan(times)) or np.any(times < 0.0):
        raise ValueError(f"times must be >= 0 or inf and at least one, are {times.tolist()}")
    times = np.where(times > budget, np.inf, times)

    def restricted(statistic: Statistic) -> Interval:
        return _restricted(np.minimum(times, budget), float(budget), statistic, rng, confidence, reps)

    return CensoredInterval(
        median=Interval(float(_median(times)), *_median_ends(times, confidence), times.size),
        restricted_mean=restricted(mean),
        restricted_iqm=restricted(iqm),
        num_censored=int(np.isinf(times).sum()),
        num_runs=times.size,
        budget=float(budget),
        times=tuple(times.tolist()),
    )


def _median_ends(times: FloatArray, confidence: float) -> tuple[float, float]:
    if times.size < 2:
        return math.nan, math.nan
    ends: list[float] = np.asarray(scipy.stats.quantile_test(times, p=0.5).confidence_interval(confidence)).tolist()
    return (0.0, math.inf) if any(map(math.isnan, ends)) else (ends[0], ends[1])


def _restricted(
    values: FloatArray, budget: float, statistic: Statistic, rng: np.random.Generator, confidence: float, reps: int
) -> Interval:
    """Interval of a restricted mean from `values` = min(times, budget); see the module's text."""
    point = float(statistic(values))
    if values.size < 2 or not (np.any(values >= budget) or np.ptp(values) == 0.0):
        return interval([values], statistic, rng, confidence=confidence, reps=reps, bounds=(0.0, budget))
    sample = np.append(values, [0.0, budget])
    if statistic is mean or values.size < 4:  # of fewer than four, the interquartile mean is the mean
        # no correction for skewness here: two runs that were never seen would decide it
        half = scipy.special.stdtrit(sample.size - 1, 0.5 + confidence / 2.0) * scipy.stats.sem(sample)
        low, high = sample.mean() - half, sample.mean() + half
    else:
        found = interval([sample], statistic, rng, confidence=confidence, reps=reps)
        low, high = found.low, found.high
    return Interval(point, min(max(float(low), 0.0), point), max(min(float(high), budget), point), values.size)
