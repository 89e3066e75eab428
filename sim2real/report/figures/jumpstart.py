"""Jumpstart: what a method is worth on the target before a single step of training there."""

from __future__ import annotations

from ...stats import Summary
from ..style.numbers import compute_decimals, number
from ..style.palette import make_styles
from .svg import Panel
from .whiskers import Row, plot_rows

__all__ = ["plot_jumpstart"]


def plot_jumpstart(summary: Summary) -> tuple[Panel, ...]:
    """Return at step 0 minus scratch's, with 95 % interval, one panel per target. Empty without runs to
    compare.
    """
    styles = make_styles(summary.methods)
    panels = []
    for i, group in enumerate(summary.groups):
        ranked = [name for name in summary.ranked(group.frame.env) if name in group.cells]
        found = {name: group.cells[name] for name in ranked if "jumpstart" in group.cells[name].quantities}
        if not found:
            continue
        decimals = compute_decimals(cell.quantities["jumpstart"].point for cell in found.values())
        rows = [
            Row(
                name,
                cell.quantities["jumpstart"],
                cell.per_run["jumpstart"].tolist(),
                number(cell.quantities["jumpstart"].point, decimals, signed=True),
            )
            for name, cell in found.items()
        ]
        panels.append(
            plot_rows(
                group,
                rows,
                styles,
                f"jump{i}",
                axis_label="return at step 0, minus scratch",
                tick=lambda value, decimals=decimals: number(value, decimals, signed=True),  # type: ignore[misc]
                line=0.0,
            )
        )
    return tuple(panels)
