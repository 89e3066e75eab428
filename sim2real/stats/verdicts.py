"""One word per comparison, and no word stronger than the runs behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Literal

import numpy as np
import scipy  # its parts, which take long, are imported when they are first named

from .curves import REFERENCE
from .estimation.censoring import CensoredInterval
from .estimation.intervals import Interval

__all__ = ["HARM", "MIN_SEEDS", "Headline", "Verdict", "Word", "compute_headline", "compute_verdict"]

MIN_SEEDS = 3
"""Fewer runs than this in either arm and the verdict is that there are too few."""
CONFIDENCE = 0.95
"""Of the rank test between times."""
_EXACT = 50
"""Runs an arm up to which that test counts all orders."""
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

    `scratch_better` is P(scratch better) from the test that the interval of the difference inverts, NaN where a word
    was not asked of it.
    """

    word: Word
    num_runs: int
    reason: str
    scratch_better: float = math.nan


@dataclass(frozen=True)
class Headline:
    """Whether a method beats scratch with intervals that do not touch (times: or by an exact rank test); None where
    there are too few runs to ask.
    """

    jumpstart: bool | None
    time_to_threshold: bool | None


def compute_verdict(
    method: str, num_runs: int, num_reference: int, difference: Interval | None, scratch_better: float
) -> Verdict:
    """Judge a method by `difference`, the interval of AUC(method) - AUC(scratch), and `scratch_better`, P(it is < 0).

    One test is behind both; `difference` is None if an arm has no finished run.
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
        faster = _is_faster(times, reference_times)
    return Headline(jumps, faster)


def _is_faster(times: CensoredInterval, other: CensoredInterval) -> bool | None:
    """Whether `times` are below the `other` ones; None if every run is, and a rank test still needs more of them.

    Where runs are all equal (all at step 0, all censored), how many agree is all there is to go by: the intervals are
    wide then, and the rank test decides.
    """
    own, reference = times.restricted_mean, other.restricted_mean
    if own.point >= reference.point:
        return False
    if not own.touches(reference):
        return True
    mine, others = (np.minimum(np.array(arm.times), arm.budget) for arm in (times, other))
    method: Literal["exact", "asymptotic"] = "exact" if max(times.num_runs, other.num_runs) <= _EXACT else "asymptotic"
    if float(scipy.stats.mannwhitneyu(mine, others, method=method).pvalue) < 1.0 - CONFIDENCE:
        return True
    return None if mine.max() < others.min() else False
