"""Confidence intervals over seeds: Student's t with a correction for skewness for means, a bootstrap for the rest.

Means, and differences of means, have the interval of Welch (Biometrika 34, 1947) in seeds. Runs of reinforcement
learning are skewed, and then t misses on the side of the long tail: at ten lognormal runs it covers 84 % instead of 95.
Hall's transformation ("On the removal of skewness by transformation", J. R. Stat. Soc. B 54, 1992) takes that out:
T + g T^2 / 3 + g^2 T^3 / 27 + g / 6 is closer to t than T = (estimate - truth) / se is, where g is the skewness of the
estimate. It is monotone, so that ends of intervals and probabilities are inverses of each other. The skewness of a few
runs is mostly noise; it counts with a weight of 1 - 3 / n, so that the interval of three runs is the plain t interval.

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
from scipy import special

from .metrics import FloatArray

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
    "widening",
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


@dataclass(frozen=True)
class _Spread:
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


def _spread(arms: Sequence[Sequence[FloatArray]]) -> _Spread | None:
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
        return _Spread(0.0, math.inf, 0.0, 1.0)
    share = variance / largest  # only proportions matter; this keeps the squares from underflowing
    narrowness = share.sum() / (share * (size - 1.0) / size).sum()
    df = share.sum() ** 2 / (share**2 / (size - 1.0)).sum()
    se = math.sqrt(variance.sum())
    return _Spread(se, float(df), math.fsum(thirds) / se**3 if se**3 > 0.0 else 0.0, float(narrowness))


def _third_moment(values: FloatArray) -> float:
    """Third central moment of a population from n of its values, unbiased, times 1 - 3 / n; 0 for fewer than four."""
    n = values.size
    if n < 4:
        return 0.0
    return (1.0 - 3.0 / n) * n / ((n - 1.0) * (n - 2.0)) * float(((values - values.mean()) ** 3).sum())


def _symmetric(t: float, skewness: float) -> float:
    """Hall's transformation of T = (estimate - truth) / se to what is closer to Student's t."""
    return t + skewness * t**2 / 3.0 + skewness**2 * t**3 / 27.0 + skewness / 6.0


def _skewed(t: float, skewness: float) -> float:
    """Inverse of `_symmetric`."""
    if abs(skewness) < 1e-6:
        return t
    return 3.0 / skewness * (float(np.cbrt(1.0 + skewness * (t - skewness / 6.0))) - 1.0)


def _mean_ends(point: float, spread: _Spread | None, confidence: float) -> tuple[float, float]:
    if spread is None:
        return math.nan, math.nan
    if spread.se <= 0.0:
        return point, point
    quantile = float(special.stdtrit(spread.df, 0.5 + confidence / 2.0))
    low, high = (point - spread.se * _skewed(end, spread.skewness) for end in (quantile, -quantile))
    return low, high


def widening(arms: Sequence[Sequence[FloatArray]], confidence: float = 0.95) -> float:
    """Factor c of the module's text for arms (each a sequence of strata) whose means are compared.

    A stratum is (num_seeds,) or (num_seeds, num_targets) with NaN where a run is absent. NaN when a stratum has
    a single seed (its spread is unknown); 1 when nothing varies.
    """
    spread = _spread(arms)
    if spread is None:
        return math.nan
    if spread.se <= 0.0:
        return 1.0
    quantile = 0.5 + confidence / 2.0
    return float(math.sqrt(spread.narrowness) * special.stdtrit(spread.df, quantile) / special.ndtri(quantile))


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
        low, high = _mean_ends(point, _spread([strata]), confidence)
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
        return Interval(point, *_mean_ends(point, _spread(arms), confidence), _fewest(arms))
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
    gap, spread = float(mean(_join(arms[0])) - mean(_join(arms[1]))), _spread(arms)
    if spread is None:
        return math.nan
    if spread.se <= 0.0:
        return 0.5 - 0.5 * float(np.sign(gap))
    return float(special.stdtr(spread.df, -_symmetric(gap / spread.se, spread.skewness)))


def band(returns: FloatArray, *, confidence: float = 0.95) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean and pointwise interval of curves (num_runs, num_evals): mean, low, high, each (num_evals,).

    At every step that of `interval`. With a single run low and high are NaN.
    """
    returns = np.asarray(returns, dtype=np.float64)
    points = returns.mean(axis=0)
    spreads = (_spread([[column]]) for column in returns.T)
    ends = [_mean_ends(float(point), spread, confidence) for point, spread in zip(points, spreads, strict=True)]
    low, high = np.array(ends).reshape(-1, 2).T
    return points, low, high
