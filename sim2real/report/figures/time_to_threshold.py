"""Time to threshold: target steps until the policy is good enough; never reached is drawn as such."""

from __future__ import annotations

from ...stats import CensoredInterval, Summary
from ..style.numbers import short_steps
from ..style.palette import make_styles
from .svg import Panel
from .whiskers import Row, plot_rows

__all__ = ["plot_time_to_threshold", "time_words"]


def time_words(times: CensoredInterval, steps: str) -> str:
    """`steps`, or `> budget (k of n)` once no run arrived, or `steps (k of n beyond)` when some did not."""
    censored = f"{times.num_censored} of {times.num_runs}"
    if times.num_censored == times.num_runs:
        return f"> budget ({censored})"
    return f"{steps} ({censored} beyond)" if times.num_censored else steps


def plot_time_to_threshold(summary: Summary) -> tuple[Panel, ...]:
    """Restricted mean steps to the threshold with 95 % interval, triangles = runs beyond the budget."""
    styles = make_styles(summary.methods)
    panels = []
    for i, group in enumerate(summary.groups):
        rows = []
        for name in summary.ranked(group.frame.env):
            cell = group.cells.get(name)
            if cell is not None and cell.times is not None and group.frame.budget > 0:
                words = time_words(cell.times, short_steps(round(cell.times.restricted_mean.point, -2)))
                rows.append(Row(name, cell.times.restricted_mean, cell.times.times, words, cell.times.num_censored))
        if not rows:
            continue
        budget = float(group.frame.budget)
        panels.append(
            plot_rows(
                group,
                rows,
                styles,
                f"time{i}",
                axis_label="target steps to threshold, restricted mean",
                tick=short_steps,
                limits=(0.0, budget),
            )
        )
    return tuple(panels)
