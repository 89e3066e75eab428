"""Honest statistics of transfer: metrics -> intervals -> verdicts -> summary, each a pure function of the
one before.
"""

from .bar import Bar, Evidence
from .bars import BARS, compute_bars
from .cells import Cell
from .curves import ORACLE, REFERENCE, Curves
from .estimation.censoring import CensoredInterval, censored_interval
from .estimation.intervals import Interval, band, contrast, difference, interval, iqm, mean, probability_below
from .estimation.mann_whitney import newcombe_interval, probability_of_improvement
from .estimation.metrics import (
    FloatArray,
    area_under_curve,
    asymptotic_return,
    dip_depth,
    jumpstart,
    retention,
    share_of_span,
    threshold,
    time_to_threshold,
    transfer_ratio,
)
from .estimation.spread import widening
from .frame import Costs, Frame, add_costs
from .groups import Group, Problem, rank_methods, sort_by
from .method_table import MethodRow, MethodTable, Paired, compute_method_table
from .oracle import Oracle
from .quantities import QUANTITIES, Quantity, reported_in
from .summary import Summary, summarise
from .verdicts import HARM, MIN_SEEDS, Headline, Verdict, Word

__all__ = [
    "BARS",
    "HARM",
    "MIN_SEEDS",
    "ORACLE",
    "QUANTITIES",
    "REFERENCE",
    "Bar",
    "Cell",
    "CensoredInterval",
    "Costs",
    "Curves",
    "Evidence",
    "FloatArray",
    "Frame",
    "Group",
    "Headline",
    "Interval",
    "MethodRow",
    "MethodTable",
    "Oracle",
    "Paired",
    "Problem",
    "Quantity",
    "Summary",
    "Verdict",
    "Word",
    "add_costs",
    "area_under_curve",
    "asymptotic_return",
    "band",
    "censored_interval",
    "compute_bars",
    "compute_method_table",
    "contrast",
    "difference",
    "dip_depth",
    "interval",
    "iqm",
    "jumpstart",
    "mean",
    "newcombe_interval",
    "probability_below",
    "probability_of_improvement",
    "rank_methods",
    "reported_in",
    "retention",
    "share_of_span",
    "sort_by",
    "summarise",
    "threshold",
    "time_to_threshold",
    "transfer_ratio",
    "widening",
]
