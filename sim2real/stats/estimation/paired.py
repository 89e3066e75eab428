"""Differences that are paired by source agent: a sign-flip test, and how many agents a difference needs.

Methods that start from one source agent rise and fall with it, so the difference between two of them has far less
spread than either. The unit is the agent: its difference is the mean over its runs, however many there are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy

from .metrics import FloatArray

__all__ = ["adjust_by_holm", "agents_needed", "sign_flip_p"]

_EXACT = 16  # agents up to which all sign patterns are counted
_DRAWS = 20_000
_MOST = 10_000  # agents that a difference may need


def sign_flip_p(differences: FloatArray, rng: np.random.Generator) -> float:
    """Return the two-sided p-value of the mean of paired differences, (n,), under random signs.

    Under the hypothesis that neither side is better, each difference is as likely as its negative (Fisher, "The Design
    of Experiments", 1935, section 21). All 2^n patterns count up to 16 differences; beyond that 20,000 drawn ones, the
    data themselves among them (Phipson & Smyth, Stat. Appl. Genet. Mol. Biol. 9, 2010). NaN without a difference.
    """
    num = len(differences)
    if not num:
        return math.nan
    observed = abs(differences.sum()) * (1 - 1e-12)  # the same sum in another order is as large
    if num <= _EXACT:
        patterns = (np.arange(2**num)[:, None] >> np.arange(num)) & 1
        return float((np.abs((1 - 2 * patterns) @ differences) >= observed).mean())
    signs = rng.choice((-1.0, 1.0), (_DRAWS, num))
    return float((1 + (np.abs(signs @ differences) >= observed).sum()) / (1 + _DRAWS))


def adjust_by_holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for being one of several, by Holm's step-down (Scand. J. Stat. 6, 1979); NaN stays."""
    known = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    adjusted, largest = [math.nan] * len(p_values), 0.0
    for rank, (p, i) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[i] = largest
    return adjusted


def agents_needed(differences: FloatArray, power: float = 0.8, level: float = 0.05) -> int | None:
    """Return how many agents show a difference such as this one, (n,), with probability `power`.

    The least n with which a two-sided paired t test at `level` rejects so often, for the mean and standard deviation
    found, by the noncentral t distribution (Cohen, "Statistical Power Analysis", 1988, chapter 2). It takes the effect
    found for the true one. None where there is no spread to go by, or more than 10,000 would be needed.
    """
    if len(differences) < 2 or not (spread := float(differences.std(ddof=1))):
        return None
    effect = abs(float(differences.mean())) / spread
    if _power(effect, _MOST, level) < power:
        return None
    low, high = 1, _MOST  # the power of `low` is too small, that of `high` enough
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _power(effect, middle, level) >= power else (middle, high)
    return high


def _power(effect: float, num: int, level: float) -> float:
    """Return how often a two-sided paired t test of `num` differences rejects a standardised `effect`."""
    limit, shift = scipy.stats.t.ppf(1 - level / 2, num - 1), effect * math.sqrt(num)
    above, below = scipy.stats.nct.sf(limit, num - 1, shift), scipy.stats.nct.cdf(-limit, num - 1, shift)
    return float(np.nan_to_num(above) + np.nan_to_num(below))
