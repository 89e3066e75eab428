"""Times that were not reached within the budget: known to be longer, not known how long.

Dropping them would flatter a method and replacing them by the budget would too, if nobody said so. Both
answers here say so: the median needs only the order of the times (infinity is the largest), the restricted
mean is the mean of min(time, budget), the mean time spent below the threshold within the budget (Royston &
Parmar, BMC Med. Res. Methodol. 13:152, 2013). The restricted interquartile mean is the same of the middle half.
The number of censored runs travels along.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

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

    The median's is a percentile interval by order statistics and cannot leave the range of the times; the
    restricted means' are widened for few runs and clipped to [0, budget]. Raises ValueError on NaN or a time
    below 0.
    """
    times = np.asarray(times, dtype=np.float64).ravel()
    if times.size == 0 or np.any(np.isnan(times)) or np.any(times < 0.0):
        raise ValueError(f"times must be >= 0 or inf and at least one, are {times.tolist()}")
    times = np.where(times > budget, np.inf, times)
    low, high = math.nan, math.nan
    if times.size > 1:
        draws = _median(times[rng.integers(0, times.size, (reps, times.size))])
        ends = np.quantile(draws, [0.5 - confidence / 2.0, 0.5 + confidence / 2.0], method="inverted_cdf")
        low, high = float(ends[0]), float(ends[1])

    def restricted(statistic: Statistic) -> Interval:
        bounds = (0.0, float(budget))
        return interval([np.minimum(times, budget)], statistic, rng, confidence=confidence, reps=reps, bounds=bounds)

    return CensoredInterval(
        median=Interval(float(_median(times)), low, high, times.size),
        restricted_mean=restricted(mean),
        restricted_iqm=restricted(iqm),
        num_censored=int(np.isinf(times).sum()),
        num_runs=times.size,
        budget=float(budget),
        times=tuple(times.tolist()),
    )
