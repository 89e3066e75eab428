"""Times that were not reached within the budget: known to be longer, not known how long.

Dropping them would flatter a method and replacing them by the budget would too, if nobody said so. Both
answers here say so: the median needs only the order of the times (infinity is the largest), the restricted
mean is the mean of min(time, budget), the mean time spent below the threshold within the budget (Royston &
Parmar, BMC Med. Res. Methodol. 13:152, 2013). The number of censored runs travels along.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .intervals import Interval, interval, mean
from .metrics import FloatArray

__all__ = ["CensoredInterval", "censored_interval"]


@dataclass(frozen=True)
class CensoredInterval:
    """Times to threshold of one method: median and restricted mean in target steps, with what was not
    reached.

    A median (or its bound) of inf means beyond `budget`. `times` are the runs' own, inf where censored.
    """

    median: Interval
    restricted_mean: Interval
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
    """Intervals of median and restricted mean of `times` (num_runs,), inf where not reached within `budget`.

    The median's is a percentile interval by order statistics and cannot leave the range of the times; the
    restricted mean's is widened for few runs and clipped to [0, budget]. Raises ValueError on NaN or a time
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
    return CensoredInterval(
        median=Interval(float(_median(times)), low, high, times.size),
        restricted_mean=interval(
            [np.minimum(times, budget)],
            mean,
            rng,
            confidence=confidence,
            reps=reps,
            bounds=(0.0, float(budget)),
        ),
        num_censored=int(np.isinf(times).sum()),
        num_runs=times.size,
        budget=float(budget),
        times=tuple(times.tolist()),
    )
