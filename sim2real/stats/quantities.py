"""QUANTITIES: every number of the summary, what it means, how it is computed and who defined it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from . import measures

__all__ = ["QUANTITIES", "Quantity", "Tables", "reported_in"]

Tables: TypeAlias = Literal["intervals", "target", "methods"]
"""The intervals of a method on a target, in files; the table of a target; the method table, over several targets."""

TAYLOR_STONE = "Taylor & Stone, JMLR 10 (2009), section 2"


@dataclass(frozen=True)
class Quantity:
    """One row.

    Attributes:
        title: what tables and glossary call it.
        kind: how it is printed.
        signed: whether it is a difference.
        better: which way is good.
        statistic: how the runs become one number: mean, interquartile mean (IQM), or otherwise ("formula").
        definition: what it means.
        formula: how it is computed.
        source: who defined it.
        per_run: value of every run (num_runs,), NaN where a run has none; None where no run of this target can.
        against: its interval, where it compares with scratch; else that of `per_run`'s values, by `statistic`.
        share: `per_run`'s values as shares that compare between targets (num_runs,): a column of the method table.
        tables: where it is reported -> its place there, from the left or the top.
        shown: whether the table of a target has it always, or depending on whether the grid has an oracle.
        bounds: of a share, what its interval cannot exceed.
        of_some: whether only some runs have it. Where it is 0 in all of them, nothing is known of others.
        short: title in the method table, if it is another one.
    """

    title: str
    kind: Literal["return", "share", "probability", "steps"]
    signed: bool
    better: Literal["higher", "lower", "neither"]
    statistic: Literal["mean", "IQM", "formula"]
    definition: str
    formula: str
    source: str
    per_run: measures.PerRun | None = None
    against: measures.Compare | None = None
    share: measures.Share | None = None
    tables: Mapping[Tables, int] = field(default_factory=dict)
    shown: Literal["always", "with oracle", "without oracle"] = "always"
    bounds: tuple[float, float] = (-math.inf, math.inf)
    of_some: bool = False
    short: str = ""


QUANTITIES: dict[str, Quantity] = {
    "auc_difference": Quantity(
        "Effect of transfer",
        "return",
        True,
        "higher",
        "mean",
        "Mean return over the budget, minus that of scratch. The verdict is its interval and the next number.",
        "AUC(method) - AUC(scratch)",
        TAYLOR_STONE,
        against=measures.auc_difference,
        tables={"intervals": 7},
    ),
    "scratch_better": Quantity(
        "P(scratch better)",
        "probability",
        False,
        "lower",
        "formula",
        "Confidence that scratch has the larger mean return over the budget: that of the one-sided interval of the "
        "effect that ends at zero. Above 0.95 the verdict is that transfer hurt. It speaks of the means; "
        "P(better than scratch) speaks of single runs.",
        "P(AUC(method) < AUC(scratch))",
        "Welch, Biometrika 34 (1947), with the effect's correction for skewness, one-sided",
        against=measures.scratch_better,
        tables={"intervals": 9, "target": 6},
    ),
    "score": Quantity(
        "Score, share of the span",
        "share",
        False,
        "higher",
        "IQM",
        "Mean return over the budget as share of the way from the floor to the source policy's return on the source "
        "domain, over the runs on several targets.",
        "(AUC - floor) / (source return - floor)",
        "min-max scores and IQM as in Agarwal et al., arXiv 2108.13264",
        per_run=measures.area_under_curve,
        share=measures.of_span,
        tables={"methods": 0},
        short="Score",
    ),
    "effect": Quantity(
        "Effect, share of the span",
        "share",
        True,
        "higher",
        "mean",
        "The effect divided by the span from the floor (an untrained policy on the target) to the source "
        "policy's return on the source domain, so that targets and environments compare.",
        "(AUC(method) - AUC(scratch)) / (source return - floor)",
        "min-max scores as in Agarwal et al., arXiv 2108.13264",
        against=measures.effect,
        tables={"intervals": 10},
    ),
    "area_under_curve": Quantity(
        "Mean return over the budget",
        "return",
        False,
        "higher",
        "mean",
        "Area under the learning curve by the trapezoid rule, divided by the budget.",
        "AUC = (1/B) ∫₀ᴮ R(s) ds",
        TAYLOR_STONE,
        per_run=measures.area_under_curve,
        tables={"intervals": 1},
    ),
    "initial_return": Quantity(
        "Return at step\N{NO-BREAK SPACE}0",
        "return",
        False,
        "higher",
        "IQM",
        "Return on the target before training there; for a method that keeps the policy this is zero-shot.",
        "R(0)",
        TAYLOR_STONE,
        per_run=measures.initial_return,
        tables={"intervals": 0, "target": 0},
    ),
    "jumpstart": Quantity(
        "Jumpstart",
        "return",
        True,
        "higher",
        "IQM",
        "Return on the target before any training there, minus that of scratch.",
        "R(0) - R_scratch(0)",
        TAYLOR_STONE,
        per_run=measures.jumpstart,
        against=measures.jumpstart_difference,
        share=measures.difference_of_span,
        tables={"intervals": 6, "target": 1, "methods": 1},
    ),
    "asymptotic_return": Quantity(
        "Asymptotic return",
        "return",
        False,
        "higher",
        "IQM",
        "Mean return over the last fifth of the budget.",
        "(5/B) ∫ R(s) ds over s from 0.8 B to B",
        TAYLOR_STONE,
        per_run=measures.asymptotic_return,
        share=measures.of_span,
        tables={"intervals": 2, "target": 2, "methods": 2},
    ),
    "time_to_threshold": Quantity(
        "Time to threshold",
        "steps",
        False,
        "lower",
        "mean",
        "Target steps until the curve, linear between evaluations, first reaches the threshold. Runs that "
        "never do are censored: they count as the budget in the restricted mean, and how many is shown. Where a run is "
        "censored, or all are equal, the interval counts one more run at either end. A lead counts if intervals are "
        "apart, or if an exact rank test says so.",
        "mean of min(T, B)",
        "restricted mean: Royston & Parmar, BMC Med. Res. Methodol. 13:152 (2013)",
        per_run=measures.time_to_threshold,
        tables={"target": 5},
    ),
    "share_of_oracle": Quantity(
        "Share of the oracle",
        "share",
        False,
        "higher",
        "IQM",
        "Asymptotic return as share of the way from the floor to the oracle's: a fresh agent on the target with "
        "the source agent's settings and whole budget. Not given without an oracle that ends above the floor.",
        "(asymptotic return - floor) / (oracle's asymptotic return - floor)",
        "min-max scores as in Agarwal et al., arXiv 2108.13264",
        per_run=measures.share_of_oracle,
        share=measures.as_it_is,
        tables={"intervals": 5, "target": 3, "methods": 3},
        shown="with oracle",
    ),
    "steps_to_oracle": Quantity(
        "Steps to 95\N{NO-BREAK SPACE}% of the oracle",
        "steps",
        False,
        "lower",
        "IQM",
        "Target steps until the curve, linear between evaluations, first reaches 95 % of the way from the floor to the "
        "oracle's asymptotic return. Runs that never do are censored: they count as the budget, and how many is shown.",
        "IQM of min(T, B), T the first s with R(s) >= floor + 0.95 (oracle's asymptotic return - floor)",
        "restricted mean: Royston & Parmar, BMC Med. Res. Methodol. 13:152 (2013), of the middle half",
        per_run=measures.steps_to_oracle,
        share=measures.steps_of_budget,
        tables={"target": 4, "methods": 4},
        shown="with oracle",
        bounds=(0.0, 1.0),
    ),
    "transfer_ratio": Quantity(
        "Transfer ratio",
        "share",
        True,
        "higher",
        "mean",
        "The effect relative to scratch's own area. Not given where scratch did not rise above the floor.",
        "(AUC(method) - AUC(scratch)) / |AUC(scratch)|",
        TAYLOR_STONE,
        against=measures.transfer_ratio,
        tables={"intervals": 11, "target": 7},
        shown="without oracle",
    ),
    "retention": Quantity(
        "Source retention",
        "share",
        False,
        "higher",
        "IQM",
        "What is left on the source domain after training on the target. Not given for source returns "
        "that are not positive.",
        "source return after / source return before",
        "backward transfer as a ratio, after Lopez-Paz & Ranzato, arXiv 1706.08840",
        per_run=measures.retention,
        share=measures.as_it_is,
        tables={"intervals": 3, "target": 9, "methods": 6},
    ),
    "dip_depth": Quantity(
        "Dip",
        "share",
        False,
        "lower",
        "IQM",
        "How far training first made it worse: the return before any training on the target minus the lowest later "
        "one; noise in the evaluations makes it larger. Over the runs that start above the floor by more than a tenth "
        "of the span; the others have nothing to lose. How many count and the deepest dip stand below.",
        "(R(0) - min R(s)) / |R(0)|",
        "unlearning at the start of fine-tuning: WSRL, arXiv 2412.07762",
        per_run=measures.dip_depth,
        share=measures.as_it_is,
        tables={"intervals": 4, "target": 10, "methods": 5},
        bounds=(0.0, math.inf),
        of_some=True,
    ),
    "probability_of_improvement": Quantity(
        "P(better than scratch)",
        "probability",
        False,
        "higher",
        "formula",
        "Chance that a run of the method has more area than a run of scratch; a tie counts half. The interval is "
        "Newcombe's, with t for z: not nil where every pair agrees.",
        "U / (n m)",
        "Mann & Whitney (1947); Newcombe, Stat. Med. 25 (2006), method 5",
        against=measures.probability_of_improvement,
        tables={"intervals": 8, "target": 8},
        shown="without oracle",
    ),
}


def reported_in(table: Tables) -> tuple[str, ...]:
    """Return the quantities that a table has, in its order."""
    places = {name: row.tables[table] for name, row in QUANTITIES.items() if table in row.tables}
    return tuple(sorted(places, key=lambda name: places[name]))
