"""Return over target steps: one panel per target, a band per method; step 0 is before any training there."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ..stats import Cell, Group, Summary
from .numbers import compute_decimals, number, short_steps, tick_number
from .palette import ROLES, MethodStyle, make_styles, placeholders
from .svg import Panel, make_axes, render
from .wording import name_target

__all__ = ["plot_learning_curves"]


def plot_learning_curves(summary: Summary) -> tuple[Panel, ...]:
    """Mean return with pointwise 95 % interval over target steps; dashed line = threshold. Empty without
    runs.
    """
    groups = [group for group in summary.groups if any(cell.num_runs for cell in group.cells.values())]
    width = 1080.0 if len(groups) == 1 else 540.0
    return tuple(_panel(summary, group, width, i) for i, group in enumerate(groups))


def _panel(summary: Summary, group: Group, width: float, index: int) -> Panel:
    styles = make_styles(summary.methods)
    canvas, axes = make_axes(width, 350.0, margins=(58.0, 24.0, 26.0, 44.0))
    drawn = [cell for cell in group.cells.values() if cell.num_runs]
    # the leading method last, on top
    for cell in sorted(drawn, key=lambda cell: cell.method == summary.leading):
        _draw(axes, cell, styles[cell.method], group.frame.budget, cell.method == summary.leading)
    _decorate(axes, group)
    label = name_target(group)
    ends = "; ".join(f"{c.method} from {number(float(c.mean[0]))} to {number(float(c.mean[-1]))}" for c in drawn)
    return Panel(label, render(canvas, placeholders(styles), f"curve{index}"), f"Mean return on {label}: {ends}.")


def _draw(axes: Axes, cell: Cell, style: MethodStyle, budget: int, leading: bool) -> None:
    steps, middle, low, high = cell.curves.steps, cell.mean, cell.low, cell.high
    if steps.size == 1:  # nobody trained on this target: draw the level
        steps = np.array([0.0, max(float(budget), 1.0)])
        middle, low, high = (np.repeat(values, 2) for values in (middle, low, high))
    if np.all(np.isfinite(low)):
        axes.fill_between(steps, low, high, color=style.ink, alpha=0.16, linewidth=0)
    pattern = (0.0, style.dashes) if style.dashes else "-"
    axes.plot(steps, middle, color=style.ink, linewidth=2.4 if leading else 1.7, linestyle=pattern)
    axes.plot(
        steps[:1],
        middle[:1],
        marker=style.marker,
        color=style.ink,
        markersize=7,
        markeredgewidth=0,
        clip_on=False,
    )


def _decorate(axes: Axes, group: Group) -> None:
    frame = group.frame
    axes.set_xlim(0.0, max(float(frame.budget), 1.0))
    axes.margins(y=0.08)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_number(value)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_steps(value)))
    axes.grid(axis="y", color=ROLES["rule"], linewidth=1.0)
    axes.set_xlabel("target steps", color=ROLES["muted"], loc="right")
    axes.set_title("return", color=ROLES["muted"], loc="left", fontsize=12.0, x=-0.0, pad=10)
    if math.isfinite(frame.threshold):
        _mark_threshold(axes, frame.threshold)


def _mark_threshold(axes: Axes, threshold: float) -> None:
    """Dotted line with its value; far outside it would flatten the curves, then the value stands alone."""
    low, high = axes.get_ylim()
    reach = 0.6 * (high - low)
    words = f"threshold {number(threshold, compute_decimals([threshold]))}"
    if low - reach <= threshold <= high + reach:
        axes.set_ylim(min(low, threshold - 0.04 * reach), max(high, threshold + 0.2 * reach))
        axes.axhline(threshold, color=ROLES["ink"], linewidth=1.0, linestyle=(0.0, (1.0, 3.0)))
        place, height = axes.get_yaxis_transform(), threshold
    else:
        words += ", above this panel" if threshold > high else ", below this panel"
        place, height = axes.transAxes, 0.96 if threshold > high else 0.02
    axes.annotate(
        words,
        (0.012, height),
        xycoords=place,
        xytext=(0.0, 5.0),
        textcoords="offset points",
        ha="left",
        color=ROLES["ink"],
        fontsize=11.0,
        bbox={"facecolor": ROLES["paper"], "alpha": 0.75, "edgecolor": "none", "pad": 1.5},
    )
