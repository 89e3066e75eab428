"""Source retention: what training on the target left of the skill on the source domain."""

from __future__ import annotations

import numpy as np

from ...stats import Summary
from ..style.numbers import number, percent
from ..style.palette import make_styles
from .svg import Panel
from .whiskers import Row, plot_rows

__all__ = ["plot_retention"]


def plot_retention(summary: Summary) -> tuple[Panel, ...]:
    """Source return after / before with 95 % interval, 100 % = nothing forgotten. Empty without such runs."""
    styles = make_styles(summary.methods)
    panels = []
    for i, group in enumerate(summary.groups):
        rows = []
        for name in summary.ranked(group.frame.env):
            cell = group.cells.get(name)
            found = cell.quantities.get("retention") if cell else None
            if cell is not None and found is not None:
                runs = cell.per_run["retention"]
                rows.append(Row(name, found, runs[np.isfinite(runs)].tolist(), percent(found.point)))
        if rows:
            panels.append(
                plot_rows(
                    group,
                    rows,
                    styles,
                    f"keep{i}",
                    axis_label="share of the source return that is left, %",
                    tick=lambda value: number(100.0 * value),
                    line=1.0,
                )
            )
    return tuple(panels)
