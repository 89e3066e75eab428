"""Confidence intervals over seeds by a stratified bootstrap, seeded and corrected for few runs.

Seeds are resampled with replacement within each stratum, as in Agarwal et al., "Deep RL at the Edge of the
Statistical Precipice" (NeurIPS 2021, arXiv 2108.13264), who take one stratum per task. Here the runs of one
seed on several targets start from one source agent and rise and fall together, so a stratum is an environment
and a seed is drawn with all its targets: the cluster bootstrap (Davison & Hinkley, "Bootstrap Methods and their
Application", 1997, section 3.8). Drawing targets apart would take one agent for many. The plain
percentile interval is too narrow for the three to ten seeds of reinforcement learning (Hesterberg, "What
Teachers Should Know About the Bootstrap", Am. Stat. 69, 2015, sections 4.1 and 5.2: with 3 seeds it covers 2
times in 3, not 95 %). Hesterberg widens the quantiles; with fewer than 6 values those cannot leave the range
of the data, so the deviations from the point are widened instead, by

    c = sqrt(narrowness) * t(confidence, df) / z(confidence)

where `narrowness` = unbiased / plug-in variance of the mean and df is Welch & Satterthwaite's, counted in
seeds. For the mean of normal data this is the t interval, for many runs c -> 1 and it is the percentile interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy import stats

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


def widening(arms: Sequence[Sequence[FloatArray]], confidence: float = 0.95) -> float:
    """Factor c of the module's text for arms (each a sequence of strata) whose means are compared.

    A stratum is (num_seeds,) or (num_seeds, num_targets) with NaN where a run is absent. NaN when a stratum has
    a single seed (its spread is unknown); 1 when nothing varies.
    """
    shares, sizes = [], []
    for arm in arms:
        strata = [np.reshape(stratum, (len(stratum), -1)) for stratum in arm]
        total = sum(int(np.isfinite(stratum).sum()) for stratum in strata)
        middle = sum(float(np.nansum(stratum)) for stratum in strata) / total
        for stratum in strata:
            if len(stratum) < 2:
                return math.nan
            # what a seed adds to the arm's mean, times the total: also right where seeds have unequal numbers of runs
            pull = np.nansum(stratum - middle, axis=1)
            shares.append(pull.size * float(pull.var(ddof=1)) / total**2)
            sizes.append(pull.size)
    share, size = np.array(shares), np.array(sizes, dtype=np.float64)
    largest = share.max(initial=0.0)
    if largest <= 0.0:
        return 1.0
    share = share / largest  # only proportions matter; this keeps the squares from underflowing
    narrowness = share.sum() / (share * (size - 1.0) / size).sum()
    df = share.sum() ** 2 / (share**2 / (size - 1.0)).sum()
    quantile = 0.5 + confidence / 2.0
    return float(math.sqrt(narrowness) * stats.t.ppf(quantile, df) / stats.norm.ppf(quantile))


def _join(strata: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate([stratum.ravel() for stratum in strata])


def _draws(strata: Sequence[FloatArray], rng: np.random.Generator, reps: int) -> FloatArray:
    """Resample the seeds of every stratum, a seed with all its targets, and join them, (reps, num_values)."""
    drawn = [stratum[rng.integers(0, len(stratum), (reps, len(stratum)))].reshape(reps, -1) for stratum in strata]
    return np.concatenate(drawn, axis=1)


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
    point = float(statistic(_join(strata)))
    draws = statistic(_draws(strata, rng, reps))
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
    draws = compare(_draws(arms[0], rng, reps), _draws(arms[1], rng, reps))
    low, high = _around(point, draws, widening(arms, confidence), confidence)
    return Interval(point, low, high, min(sum(len(stratum) for stratum in arm) for arm in arms))


def difference(
    treated: Sequence[FloatArray],
    control: Sequence[FloatArray],
    rng: np.random.Generator,
    *,
    statistic: Statistic = mean,
    confidence: float = 0.95,
    reps: int = 2000,
) -> Interval:
    """Interval of statistic(treated) - statistic(control)."""
    return contrast(treated, control, lambda a, b: statistic(a) - statistic(b), rng, confidence=confidence, reps=reps)


def probability_below(
    treated: Sequence[FloatArray],
    control: Sequence[FloatArray],
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    reps: int = 2000,
) -> float:
    """P(mean of treated < mean of control), in [0, 1]: share of the bootstrap's differences below zero, a tie half.

    The arms are resampled independently, as in `difference`: a seed gives both the same episodes of evaluation, but
    they learn from other weights in other worlds, and pairing them would halve the degrees of freedom for next to
    no correlation. Deviations from the point are widened for few runs by the factor of a one-sided bound at `level`,
    so that for the mean of normal data the answer exceeds `level` exactly when the t bound does, and draws that give
    an interval of the same confidence or more below zero cannot disagree. With few runs it is coarse far from `level`:
    1 means that no resample said otherwise. NaN where an arm has a single run.
    """
    arms = [_clean(treated, "treated"), _clean(control, "control")]
    point = float(mean(_join(arms[0])) - mean(_join(arms[1])))
    draws = mean(_draws(arms[0], rng, reps)) - mean(_draws(arms[1], rng, reps))
    draws = point + widening(arms, 2.0 * level - 1.0) * (draws - point)
    return float(np.mean((draws < 0.0) + 0.5 * (draws == 0.0))) if np.all(np.isfinite(draws)) else math.nan


def band(
    returns: FloatArray, rng: np.random.Generator, *, confidence: float = 0.95, reps: int = 2000
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean and pointwise interval of curves (num_runs, num_evals): mean, low, high, each (num_evals,).

    Whole runs are resampled. With a single run low and high are NaN.
    """
    num_runs, num_evals = returns.shape
    point = returns.mean(axis=0)
    if num_runs < 2:
        return point, np.full(num_evals, np.nan), np.full(num_evals, np.nan)
    draws = returns[rng.integers(0, num_runs, (reps, num_runs))].mean(axis=1)
    low, high = np.quantile(draws, [0.5 - confidence / 2.0, 0.5 + confidence / 2.0], axis=0)
    factor = widening([[np.arange(num_runs, dtype=np.float64)]], confidence)  # one stratum: depends on num_runs only
    return point, point + factor * (low - point), point + factor * (high - point)
