"""FIGURES: name -> figure. To add one: a file with a plot_ function, and a row here; the page finds its
place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from ...stats import REFERENCE, Group, Summary
from .jumpstart import plot_jumpstart
from .learning_curves import plot_learning_curves
from .method_by_target import plot_method_by_target
from .retention import plot_retention
from .svg import Panel, drawing
from .time_to_threshold import plot_time_to_threshold

__all__ = ["FIGURES", "MOST", "Figure", "choose_pictured"]

MOST = 40
"""Targets, and methods, that are drawn: a picture takes a thousand times as long as a row of a table."""


@dataclass(frozen=True)
class Figure:
    """One row: title, one line that says how to read it, the section of the page it belongs to, and its
    function.

    `function` takes a summary and returns panels, an empty tuple when there is nothing to draw.
    """

    title: str
    line: str
    section: Literal["curves", "methods", "quantities"]
    function: Callable[[Summary], tuple[Panel, ...]]

    def plot(self, summary: Summary) -> tuple[Panel, ...]:
        """Draw with settings of our own: same summary, same panels."""
        with drawing():
            return self.function(summary)


FIGURES: dict[str, Figure] = {
    "learning_curves": Figure(
        "Learning curves",
        "Mean return on the target over target steps, band = 95 % interval over seeds; "
        "the mark at step 0 is the return before any training on the target. Dotted: the threshold; dashed: what the "
        "oracle reached in its own, larger budget; a thin line behind a method alone: scratch.",
        "curves",
        plot_learning_curves,
    ),
    "method_by_target": Figure(
        "Effect of transfer by method and target",
        "Gain (teal) or loss (red) over scratch in mean return, as share of the span from an untrained "
        "policy to the source policy, with 95 % interval; a triangle where that is the verdict.",
        "methods",
        plot_method_by_target,
    ),
    "jumpstart": Figure(
        "Jumpstart",
        "Return on the target before any training there, minus that of scratch; right of zero is better.",
        "quantities",
        plot_jumpstart,
    ),
    "time_to_threshold": Figure(
        "Time to threshold",
        "Target steps until the threshold is reached; an open triangle marks runs that did not get there in "
        "the budget.",
        "quantities",
        plot_time_to_threshold,
    ),
    "retention": Figure(
        "Source retention",
        "Share of the source return that is left on the source domain after training on the target.",
        "quantities",
        plot_retention,
    ),
}


def choose_pictured(summary: Summary) -> Summary:
    """Return what of a summary is drawn: the first targets, and of many methods scratch, the leading and the first."""
    present = set(summary.methods)
    methods = dict.fromkeys(m for m in (summary.leading, REFERENCE, *summary.methods) if m in present)
    if len(summary.groups) <= MOST and len(methods) <= MOST:
        return summary
    kept = set(list(methods)[:MOST])

    def thinned(group: Group) -> Group:
        return replace(group, cells={name: cell for name, cell in group.cells.items() if name in kept})

    return replace(
        summary,
        methods=tuple(method for method in summary.methods if method in kept),
        groups=tuple(thinned(group) for group in summary.groups[:MOST]),
    )
