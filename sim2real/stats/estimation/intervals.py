"""Confidence intervals over seeds: Student's t with a correction for skewness for means, a bootstrap for the rest.

Means, and differences of means, have Welch's t interval in seeds, corrected for skewness (see `spread`).

Other statistics resample seeds with replacement within each stratum, as in Agarwal et al., "Deep RL at the Edge of the
Statistical Precipice" (NeurIPS 2021, arXiv 2108.13264), who take one stratum per task. Here the runs of one seed on
several targets start from one source agent and rise and fall together, so a stratum is an environment and a seed is
drawn with all its targets: the cluster bootstrap (Davison & Hinkley, "Bootstrap Methods and their Application", 1997,
section 3.8). Drawing targets apart would take one agent for many. The plain percentile interval is too narrow for the
three to ten seeds of reinforcement learning (Hesterberg, "What Teachers Should Know About the Bootstrap", Am. Stat. 69,
2015, sections 4.1 and 5.2: with 3 seeds it covers 2 times in 3, not 95 %). Hesterberg widens the quantiles; with fewer
than 6 values those cannot leave the range of the data, so the deviations from the point are widened instead, by

    c = sqrt(narrowness) * t(confidence, df) / z(confidence)

where `narrowness` = unbiased / plug-in variance of the mean and df is Welch & Satterthwaite's, counted in seeds.

What they cover at three, five and ten seeds is measured in docs/intervals.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy  # its parts, which take long, are imported when they are first named

from .metrics import FloatArray
from .spread import compute_spread, mean_ends, symmetric, widening

__all__ = [
    "Interval",
    "Statistic",
    "band",
    "contrast",
    "difference",
    "interval",
    "iqm",
    "mean",
    "probability_below",
]

_BLOCK = 4_000_000  # values that are resampled at once
_MOST = 40_000_000  # values that are resampled in all; more than 20,000 runs get fewer resamples, but
_FEWEST = 400  # so many

Statistic: TypeAlias = Callable[[FloatArray], FloatArray]
"""(..., num_values) -> (...): vectorised over the leading axes."""


@dataclass(frozen=True)
class Interval:
    """A point estimate with its confidence interval; low and high are NaN when one run leaves nothing to
    resample.

    `num_runs` counts the runs (seeds) behind it, of the smaller arm where two are compared.
    """

    point: float
    low: float
    high: float
    num_runs: int

    @property
    def known(self) -> bool:
        """Whether there is an interval around the point."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def has_width(self) -> bool:
        """Whether the runs differed; an interval of no width says nothing of how other runs would."""
        return self.known and self.low < self.high

    def touches(self, other: Interval) -> bool:
        """Whether the intervals share a value; intervals that are not known touch everything."""
        return not (self.known and other.known) or (self.low <= other.high and other.low <= self.high)


def mean(values: FloatArray) -> FloatArray:
    """Mean over the last axis, (..., num_values) -> (...)."""
    result: FloatArray = np.mean(values, axis=-1)
    return result


def iqm(values: FloatArray) -> FloatArray:
    """Interquartile mean over the last axis: mean of what is left without the lowest and highest quarter of
    values.

    floor(num_values / 4) values go on each side, as in arXiv 2108.13264; with fewer than four it is the mean.
    NaN is a run that is absent and counts nowhere.
    """
    values = np.sort(np.asarray(values, dtype=np.float64), axis=-1)  # NaN last
    num = np.isfinite(values).sum(axis=-1, keepdims=True)
    rank = np.arange(values.shape[-1])
    kept = (rank >= num // 4) & (rank < num - num // 4)
    result: FloatArray = np.where(kept, values, 0.0).sum(axis=-1) / kept.sum(axis=-1)
    return result


def _join(strata: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate([stratum.ravel() for stratum in strata])


def _draws(strata: Sequence[FloatArray], rng: np.random.Generator, reps: int) -> FloatArray:
    """Resample the seeds of every stratum, a seed with all its targets, and join them, (reps, num_values)."""
    drawn = [stratum[rng.integers(0, len(stratum), (reps, len(stratum)))].reshape(reps, -1) for stratum in strata]
    return np.concatenate(drawn, axis=1)


def _resample(
    arms: Sequence[Sequence[FloatArray]],
    compute: Callable[..., FloatArray],
    rng: np.random.Generator,
    reps: int,
) -> FloatArray:
    """Return `compute` of `reps` resamples of all arms, (reps,), some at a time to bound the memory they take."""
    most = max(sum(stratum.size for stratum in arm) for arm in arms)
    reps = min(reps, max(_FEWEST, _MOST // most))
    block = max(1, min(reps, _BLOCK // most))
    sizes = [min(block, reps - start) for start in range(0, reps, block)]
    return np.concatenate([compute(*(_draws(arm, rng, size) for arm in arms)) for size in sizes])


def _is_mean(statistic: Statistic, strata: Sequence[FloatArray]) -> bool:
    """Whether `statistic` of these runs is their mean: the interquartile mean of fewer than four leaves none out."""
    return statistic is mean or (statistic is iqm and sum(int(np.isfinite(s).sum()) for s in strata) < 4)


def _clean(strata: Sequence[FloatArray], what: str) -> list[FloatArray]:
    arrays = [np.asarray(stratum, dtype=np.float64) for stratum in strata]
    if not arrays or any(array.size == 0 for array in arrays):
        raise ValueError(f"{what}: every stratum needs at least one run, sizes are {[array.size for array in arrays]}")
    for array in arrays:
        if array.ndim not in (1, 2):
            raise ValueError(f"{what}: a stratum is (num_seeds,) or (num_seeds, num_targets), is {array.shape}")
        finite = np.isfinite(array)
        absent = np.isnan(array) & (array.ndim == 2)
        if not np.all(finite | absent) or not np.all(finite.reshape(len(array), -1).any(axis=1)):
            raise ValueError(
                f"{what}: values must be finite; times that may be censored go to censored_interval, and a seed "
                "without any run is left out"
            )
    return arrays


def _around(point: float, draws: FloatArray, factor: float, confidence: float) -> tuple[float, float]:
    low, high = np.quantile(draws, [0.5 - confidence / 2.0, 0.5 + confidence / 2.0])
    return point + factor * (float(low) - point), point + factor * (float(high) - point)


def interval(
    values: Sequence[FloatArray],
    statistic: Statistic,
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
    reps: int = 2000,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    """Interval of `statistic` of the joined strata.

    A stratum is (num_seeds,), a run each, or (num_seeds, num_targets), where a seed's runs belong together; there
    NaN is an absent run, and `statistic` must leave it out as `iqm` does. `bounds` clip the interval where the
    quantity cannot go. Raises ValueError on an empty stratum, a seed without a run or a value that is not finite.
    """
    strata = _clean(values, "interval")
    if _is_mean(statistic, strata):
        point = float(np.nanmean(_join(strata)))
        low, high = mean_ends(point, compute_spread([strata]), confidence)
    else:
        point = float(statistic(_join(strata)))
        draws = _resample([strata], statistic, rng, reps)
        low, high = _around(point, draws, widening([strata], confidence), confidence)
    # np.clip keeps NaN, max and min would not
    low, high = float(np.clip(low, *bounds)), float(np.clip(high, *bounds))
    return Interval(point, low, high, sum(len(stratum) for stratum in strata))


def contrast(
    treated: Sequence[FloatArray],
    control: Sequence[FloatArray],
    compare: Callable[[FloatArray, FloatArray], FloatArray],
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
    reps: int = 2000,
) -> Interval:
    """Interval of `compare(treated, control)` with both arms resampled independently (their seeds are not
    paired).

    `compare` maps (..., num_treated) and (..., num_control) to (...).
    """
    arms = [_clean(treated, "treated"), _clean(control, "control")]
    point = float(compare(_join(arms[0]), _join(arms[1])))
    draws = _resample(arms, compare, rng, reps)
    low, high = _around(point, draws, widening(arms, confidence), confidence)
    return Interval(point, low, high, _fewest(arms))


def _fewest(arms: Sequence[Sequence[FloatArray]]) -> int:
    return min(sum(len(stratum) for stratum in arm) for arm in arms)


def difference(
    treated: Sequence[FloatArray],
    control: Sequence[FloatArray],
    rng: np.random.Generator,
    *,
    statistic: Statistic = mean,
    confidence: float = 0.95,
    reps: int = 2000,
) -> Interval:
    """Interval of statistic(treated) - statistic(control); of means Welch's, corrected for skewness."""
    arms = [_clean(treated, "treated"), _clean(control, "control")]
    if all(_is_mean(statistic, arm) for arm in arms):
        point = float(np.nanmean(_join(arms[0])) - np.nanmean(_join(arms[1])))
        return Interval(point, *mean_ends(point, compute_spread(arms), confidence), _fewest(arms))
    return contrast(treated, control, lambda a, b: statistic(a) - statistic(b), rng, confidence=confidence, reps=reps)


def probability_below(treated: Sequence[FloatArray], control: Sequence[FloatArray]) -> float:
    """P(mean of treated < mean of control), in [0, 1]: the confidence at which `difference` lies below zero, one-sided.

    That is 1 - p of Welch's one-sided test, corrected for skewness as the interval is, so that the two cannot disagree:
    an interval of 95 % above zero is a probability below 0.025. The arms are not paired: a seed gives both the same
    episodes of evaluation, but they learn from other weights in other worlds, and pairing them would halve the degrees
    of freedom for next to no correlation. 1/2 where nothing varies and nothing differs; NaN where an arm has a single
    run.
    """
    arms = [_clean(treated, "treated"), _clean(control, "control")]
    gap, spread = float(mean(_join(arms[0])) - mean(_join(arms[1]))), compute_spread(arms)
    if spread is None:
        return math.nan
    if spread.se <= 0.0:
        return 0.5 - 0.5 * float(np.sign(gap))
    return float(scipy.special.stdtr(spread.df, -symmetric(gap / spread.se, spread.skewness)))


def band(returns: FloatArray, *, confidence: float = 0.95) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean and pointwise interval of curves (num_runs, num_evals): mean, low, high, each (num_evals,).

    At every step that of `interval`. With a single run low and high are NaN.
    """
    returns = np.asarray(returns, dtype=np.float64)
    points = returns.mean(axis=0)
    spreads = (compute_spread([[column]]) for column in returns.T)
    ends = [mean_ends(float(point), spread, confidence) for point, spread in zip(points, spreads, strict=True)]
    low, high = np.array(ends).reshape(-1, 2).T
    return points, low, high
