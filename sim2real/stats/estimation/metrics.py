"""What a transfer bought, as pure functions of learning curves.

Returns are arrays (num_runs, num_evals) of mean undiscounted return on the target, steps (num_evals,) are
target training steps, the first is 0 and the last is the budget. Between evaluations a curve is taken as
linear. Names after Taylor & Stone, "Transfer Learning for Reinforcement Learning Domains: A Survey", JMLR 10
(2009), section 2.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "FloatArray",
    "area_under_curve",
    "asymptotic_return",
    "dip_depth",
    "jumpstart",
    "retention",
    "share_of_span",
    "threshold",
    "time_to_threshold",
    "transfer_ratio",
]

FloatArray: TypeAlias = npt.NDArray[np.float64]


def _check(steps: FloatArray, returns: FloatArray) -> tuple[FloatArray, FloatArray]:
    steps, returns = np.asarray(steps, dtype=np.float64), np.asarray(returns, dtype=np.float64)
    if steps.ndim != 1 or returns.ndim != 2 or returns.shape[1] != steps.size or steps.size == 0:
        raise ValueError(
            f"returns must be (num_runs, num_evals), steps (num_evals,); are {returns.shape}, {steps.shape}"
        )
    if steps[0] != 0 or np.any(np.diff(steps) <= 0):
        raise ValueError(f"steps must start at 0 and rise, are {steps.tolist()}")
    return steps, returns


def jumpstart(returns: FloatArray, scratch_returns: FloatArray) -> FloatArray:
    """Return at step 0 minus scratch's mean return at step 0, (num_runs,), in units of return."""
    difference: FloatArray = np.asarray(returns)[:, 0] - np.asarray(scratch_returns)[:, 0].mean()
    return difference


def area_under_curve(steps: FloatArray, returns: FloatArray) -> FloatArray:
    """Mean return over the budget, (num_runs,): area under the curve by the trapezoid rule divided by the
    budget.

    With a budget of 0 (nothing was trained) it is the return at step 0.
    """
    steps, returns = _check(steps, returns)
    if steps.size == 1:
        return returns[:, 0].copy()
    area: FloatArray = np.trapezoid(returns, steps, axis=1) / steps[-1]
    return area


def asymptotic_return(steps: FloatArray, returns: FloatArray, tail: float = 0.2) -> FloatArray:
    """Mean return over the last `tail` of the budget, (num_runs,), along the interpolated curve.

    An average over steps, not over evaluations, so it does not depend on where the evaluations happen to lie.
    """
    steps, returns = _check(steps, returns)
    if not 0.0 < tail <= 1.0:
        raise ValueError(f"tail is {tail}, must be in (0, 1]")
    if steps.size == 1:
        return returns[:, 0].copy()
    start = (1.0 - tail) * steps[-1]
    knots = np.concatenate(([start], steps[steps > start]))
    values = np.stack([np.interp(knots, steps, run) for run in returns]) if len(returns) else returns[:, : knots.size]
    mean: FloatArray = np.trapezoid(values, knots, axis=1) / (steps[-1] - start)
    return mean


def threshold(floor: float, source_return: float, fraction: float) -> float:
    """Return that counts as good on the target: floor + fraction * (source_return - floor).

    The fraction is fixed in advance. The floor is the measured return of an untrained policy on the target
    (scratch's mean at step 0) and the source return is measured on the source domain: neither depends on what a
    method learns on the target. NaN when the source policy is not above the floor: then it has nothing worth
    carrying over.
    """
    if not 0.0 < fraction <= 1.0:
        raise ValueError(f"fraction is {fraction}, must be in (0, 1]")
    return floor + fraction * (source_return - floor) if source_return > floor else math.nan


def share_of_span(returns: FloatArray, floor: float, ceiling: float) -> FloatArray:
    """Returns as share of the way from floor to ceiling, (R - floor) / (ceiling - floor), in the shape of `returns`.

    The min-max score of Agarwal et al., arXiv 2108.13264: 0 is the floor, 1 the ceiling, and both can be left. NaN
    unless the ceiling lies above the floor.
    """
    span = ceiling - floor if ceiling > floor else math.nan
    share: FloatArray = (np.asarray(returns, dtype=np.float64) - floor) / span
    return share


def time_to_threshold(steps: FloatArray, returns: FloatArray, threshold: float) -> FloatArray:
    """Target steps until the interpolated curve first reaches `threshold`, (num_runs,); inf = not within the
    budget.

    inf is a censored time: the run would need more than the budget, nobody knows how much more.
    """
    steps, returns = _check(steps, returns)
    reached = returns >= threshold
    times = np.full(len(returns), np.inf)
    for run, hit in enumerate(reached):
        if not hit.any():
            continue
        k = int(np.argmax(hit))
        if k == 0:
            times[run] = 0.0
            continue
        rise = (threshold - returns[run, k - 1]) / (returns[run, k] - returns[run, k - 1])
        times[run] = steps[k - 1] + rise * (steps[k] - steps[k - 1])
    return times


def transfer_ratio(area: FloatArray, scratch_area: FloatArray, floor: float) -> FloatArray:
    """(area - scratch_area) / |scratch_area|, elementwise on mean areas of the two arms; Taylor & Stone
    (2009).

    The size (not the sign) of scratch's area divides, so a positive ratio is a gain for negative returns as
    well. NaN where scratch's area is not above the floor: scratch learned nothing and the ratio would
    measure that.
    """
    area, scratch_area = np.asarray(area, dtype=np.float64), np.asarray(scratch_area, dtype=np.float64)
    defined = (scratch_area > floor) & (scratch_area != 0.0)
    divisor = np.where(defined, np.abs(scratch_area), 1.0)
    return np.where(defined, (area - scratch_area) / divisor, np.nan)


def retention(before: FloatArray, after: FloatArray) -> FloatArray:
    """Share of the source return that is left on the source domain after transfer, after / before,
    (num_runs,).

    NaN where the source return before is not positive: a share of it has no meaning then.
    """
    before, after = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    return np.where(before > 0.0, after / np.where(before > 0.0, before, 1.0), np.nan)


def dip_depth(returns: FloatArray, least: float) -> FloatArray:
    """How far training first made it worse: (R(0) - min R(s)) / |R(0)|, (num_runs,), from returns (num_runs,
    num_evals).

    0 when no later evaluation lies below the return before training. NaN for a run that does not start above
    `least`, in units of return: it has nothing to lose, and a fall from the noise of an untrained policy says
    nothing. Judged run by run, as the mean of a method with one bad start would hide the dips of its good ones.
    NaN also when R(0) is exactly 0 or `least` is NaN.
    """
    returns = np.asarray(returns, dtype=np.float64)
    first, lowest = returns[:, 0], returns.min(axis=1)
    counts = (first > least) & (first != 0.0)
    return np.where(counts, (first - lowest) / np.where(counts, np.abs(first), 1.0), np.nan)
