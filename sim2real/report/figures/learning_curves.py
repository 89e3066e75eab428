"""Return over target steps: one panel per target, a band per method; step 0 is before any training there.

A few methods share one axes. Many would hide each other: then each has a small one of its own, with scratch behind it,
all on the same scales. The oracle's budget is another one, so its curve is not drawn, but a line at its asymptotic
return.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...stats import REFERENCE, Cell, Group, Summary
from ..style.numbers import number, short_steps, tick_number
from ..style.palette import ROLES, MethodStyle, make_styles, placeholders
from ..style.wording import name_target, shorten
from .levels import mark_levels
from .svg import Panel, make_axes, make_facets, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TOGETHER", "plot_learning_curves"]

TOGETHER = 6
"""Methods that one axes can hold. With more, the page has its pictures of single quantities folded away."""
COLUMNS = 5


def plot_learning_curves(summary: Summary) -> tuple[Panel, ...]:
    """Mean return with pointwise 95 % interval over target steps; lines at threshold and oracle. Empty without runs."""
    groups = [group for group in summary.groups if any(cell.num_runs for cell in group.cells.values())]
    panels = []
    for i, group in enumerate(groups):
        order = [name for name in summary.ranked(group.frame.env) if name in group.cells]
        drawn = [group.cells[name] for name in order if group.cells[name].num_runs]
        label, styles = name_target(group), make_styles(summary.methods)
        if len(drawn) > TOGETHER:
            svg = _apart(summary, group, drawn, styles, f"curve{i}")
        else:
            svg = _together(summary, group, drawn, styles, f"curve{i}", 1080.0 if len(groups) == 1 else 540.0)
        ends = "; ".join(f"{c.method} from {number(float(c.mean[0]))} to {number(float(c.mean[-1]))}" for c in drawn)
        panels.append(Panel(label, svg, f"Mean return on {label}: {ends}.", group.frame.env))
    return tuple(panels)


def _together(
    summary: Summary, group: Group, cells: list[Cell], styles: dict[str, MethodStyle], prefix: str, width: float
) -> str:
    canvas, axes = make_axes(width, 350.0, margins=(58.0, 24.0, 26.0, 44.0))
    # the leading method last, on top
    for cell in sorted(cells, key=lambda cell: cell.method == summary.leading):
        _draw(axes, cell, styles[cell.method], group.frame.budget, cell.method == summary.leading)
    _scale(axes, group)
    axes.set_xlabel("target steps", color=ROLES["muted"], loc="right")
    axes.set_title("return", color=ROLES["muted"], loc="left", fontsize=12.0, x=0.0, y=1.0, pad=10)
    mark_levels(axes, group)
    return render(canvas, placeholders(styles), prefix)


def _apart(summary: Summary, group: Group, cells: list[Cell], styles: dict[str, MethodStyle], prefix: str) -> str:
    """One small axes per method in order of effect, scratch as a thin line in all."""
    canvas, facets = make_facets(len(cells), COLUMNS, (216.0, 142.0), margins=(44.0, 12.0, 26.0, 26.0))
    reference = group.cells.get(REFERENCE)
    for axes, cell in zip(facets, cells, strict=True):
        if reference is not None and reference.num_runs and cell is not reference:
            axes.plot(reference.curves.steps, reference.mean, color=ROLES["muted"], linewidth=1.0)
        _draw(axes, cell, styles[cell.method], group.frame.budget, cell.method == summary.leading)
        _scale(axes, group, ticks=3)
        weight = "bold" if cell.method == summary.leading else "normal"
        axes.set_title(
            shorten(cell.method), color=ROLES["ink"], loc="left", fontsize=12.0, x=0.0, y=1.0, pad=6, weight=weight
        )
    low, high = (f(axes.get_ylim()[i] for axes in facets) for i, f in enumerate((min, max)))
    for axes in facets:
        axes.set_ylim(low, high)
        mark_levels(axes, group, words=False)
    return render(canvas, placeholders(styles), prefix)


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


def _scale(axes: Axes, group: Group, ticks: int = 5) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlim(0.0, max(float(group.frame.budget), 1.0))
    axes.margins(y=0.08)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=ticks))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=ticks, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_number(value)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_steps(value)))
    axes.grid(axis="y", color=ROLES["rule"], linewidth=1.0)
