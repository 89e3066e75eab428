"""QUANTITIES: every number of the summary, what it means, how it is computed and who defined it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["QUANTITIES", "Quantity"]

TAYLOR_STONE = "Taylor & Stone, JMLR 10 (2009), section 2"


@dataclass(frozen=True)
class Quantity:
    """One row: `kind` says how to print it, `signed` if it is a difference, `better` which way is good, `statistic` how
    the runs become one number: their mean, their interquartile mean (IQM), or otherwise ("formula").
    """

    title: str
    kind: Literal["return", "share", "probability", "steps"]
    signed: bool
    better: Literal["higher", "lower", "neither"]
    statistic: Literal["mean", "IQM", "formula"]
    definition: str
    formula: str
    source: str


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
    ),
}
