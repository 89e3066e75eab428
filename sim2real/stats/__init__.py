"""Honest statistics of transfer: metrics -> intervals -> verdicts -> summary, each a pure function of the
one before.
"""

from .cells import Cell, Costs, Frame
from .censoring import CensoredInterval, censored_interval
from .curves import REFERENCE, Curves
from .intervals import (
    Interval,
    band,
    contrast,
    difference,
    interval,
    iqm,
    mean,
    widening,
)
from .mann_whitney import newcombe_interval, probability_of_improvement
from .metrics import (
    FloatArray,
    area_under_curve,
    asymptotic_return,
    dip_depth,
    jumpstart,
    retention,
    threshold,
    time_to_threshold,
    transfer_ratio,
)
from .quantities import QUANTITIES, Quantity
from .summary import Group, Problem, Summary, summarise
from .verdicts import MIN_SEEDS, Headline, Verdict, Word

__all__ = [
    "MIN_SEEDS",
    "QUANTITIES",
    "REFERENCE",
    "Cell",
    "CensoredInterval",
    "Costs",
    "Curves",
    "FloatArray",
    "Frame",
    "Group",
    "Headline",
    "Interval",
    "Problem",
    "Quantity",
    "Summary",
    "Verdict",
    "Word",
    "area_under_curve",
    "asymptotic_return",
    "band",
    "censored_interval",
    "contrast",
    "difference",
    "dip_depth",
    "interval",
    "iqm",
    "jumpstart",
    "mean",
    "newcombe_interval",
    "probability_of_improvement",
    "retention",
    "summarise",
    "threshold",
    "time_to_threshold",
    "transfer_ratio",
    "widening",
]
