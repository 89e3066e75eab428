"""One word per comparison, and no word stronger than the runs behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
from scipy.stats import mannwhitneyu

from .censoring import CensoredInterval
from .curves import REFERENCE
from .intervals import Interval

__all__ = ["HARM", "MIN_SEEDS", "Headline", "Verdict", "Word", "compute_headline", "compute_verdict"]

MIN_SEEDS = 3
"""Fewer runs than this in either arm and the verdict is that there are too few."""
CONFIDENCE = 0.95
"""Of the rank test that stands in where an interval has no width."""
HARM = 0.95
"""P(scratch better) above which transfer is said to have hurt. One-sided, so that the word against a method comes
sooner than the one for it, which asks for a whole 95 % interval above zero."""


class Word(Enum):
    """The verdicts there are."""

    POSITIVE = "POSITIVE TRANSFER"
    NEGATIVE = "NEGATIVE TRANSFER"
    INCONCLUSIVE = "INCONCLUSIVE"
    TOO_FEW = "TOO FEW SEEDS"
    NO_DATA = "NO DATA"


@dataclass(frozen=True)
class Verdict:
    """A method against scratch on one target: the word, the runs of the smaller arm, and why.

    `scratch_better` is P(scratch better) from the bootstrap of the difference, NaN where a word was not asked of it.
    """

    word: Word
    num_runs: int
    reason: str
    scratch_better: float = math.nan


@dataclass(frozen=True)
class Headline:
    """Whether a method beats scratch with intervals that do not touch; None where that cannot be asked."""

    jumpstart: bool | None
    time_to_threshold: bool | None


def compute_verdict(
    method: str, num_runs: int, num_reference: int, difference: Interval | None, scratch_better: float
) -> Verdict:
    """Judge a method by `difference`, the interval of AUC(method) - AUC(scratch), and `scratch_better`, P(it is < 0).

    Both come from the same resamples; `difference` is None if an arm has no finished run.
    """
    if difference is None:
        absent = " and ".join(name for name, num in ((method, num_runs), (REFERENCE, num_reference)) if num == 0)
        return Verdict(Word.NO_DATA, 0, f"no finished run of {absent or method}")
    fewest = min(num_runs, num_reference)
    if fewest < MIN_SEEDS:
        found = f"{num_runs} of {method} and {num_reference} of {REFERENCE}"
        return Verdict(
            Word.TOO_FEW,
            fewest,
            f"a verdict needs {MIN_SEEDS} finished seeds in both arms, there are {found}",
        )
    if difference.low > 0.0:
        return Verdict(Word.POSITIVE, fewest, "the whole interval of the effect lies above zero", scratch_better)
    if scratch_better > HARM:
        reason = f"{REFERENCE} is better with a probability above {HARM}"
        return Verdict(Word.NEGATIVE, fewest, reason, scratch_better)
    reason = f"the interval of the effect contains zero, and no probability above {HARM} speaks for {REFERENCE}"
    return Verdict(Word.INCONCLUSIVE, fewest, reason, scratch_better)


def compute_headline(
    initial: Interval | None,
    reference_initial: Interval | None,
    times: CensoredInterval | None,
    reference_times: CensoredInterval | None,
) -> Headline:
    """Compare return at step 0 and restricted mean time to threshold with scratch's; None = too few seeds to say."""
    jumps: bool | None = None
    if initial and reference_initial and min(initial.num_runs, reference_initial.num_runs) >= MIN_SEEDS:
        jumps = not initial.touches(reference_initial) and initial.point > reference_initial.point
    faster: bool | None = None
    if times and reference_times and min(times.num_runs, reference_times.num_runs) >= MIN_SEEDS:
        own, other = times.restricted_mean, reference_times.restricted_mean
        faster = not own.touches(other) and own.point < other.point
        if faster and not (own.has_width and other.has_width):
            faster = True if _rank_apart(times, reference_times) else None
    return Headline(jumps, faster)


def _rank_apart(times: CensoredInterval, other: CensoredInterval) -> bool:
    """Whether the exact rank test tells the runs apart.

    Where the runs of an arm are all equal (all at step 0, all censored), a bootstrap has no spread, and
    intervals are apart from two runs on; how many runs agree is then all there is to go by.
    """
    own, reference = (np.minimum(np.array(arm.times), arm.budget) for arm in (times, other))
    return float(mannwhitneyu(own, reference, method="exact").pvalue) < 1.0 - CONFIDENCE
