"""The panel that jumpstart, time to threshold and retention share: a row per method, point, interval, single
runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...stats import Group, Interval
from ..style.palette import ROLES, MethodStyle, placeholders
from ..style.wording import name_target, shorten
from .svg import Panel, make_axes, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Row", "plot_rows"]

ROW_HEIGHT = 34.0
LETTER, RIGHT = 7.0, 152.0


@dataclass(frozen=True)
class Row:
    """One method: its interval, its runs (num_runs,), the number as text, and how many runs lie beyond the
    right end.

    Runs beyond are drawn as open triangles at `limit`.
    """

    method: str
    interval: Interval
    runs: Sequence[float]
    text: str
    num_beyond: int = 0


def plot_rows(
    group: Group,
    rows: Sequence[Row],
    styles: dict[str, MethodStyle],
    prefix: str,
    *,
    axis_label: str,
    tick: Callable[[float], str],
    line: float | None = None,
    limits: tuple[float, float] | None = None,
) -> Panel:
    """Draw the rows of one target, first on top; `line` marks the value that changes nothing, `limits` fix the axis."""
    left = 18.0 + LETTER * max(len(shorten(row.method)) for row in rows)
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    canvas, axes = make_axes(540.0, 62.0 + ROW_HEIGHT * len(rows), margins=(left, RIGHT, 8.0, 46.0))
    if line is not None:
        axes.axvline(line, color=ROLES["ink"], linewidth=1.0)
    for height, row in enumerate(reversed(rows)):
        _draw(axes, row, styles[row.method], float(height), limits)
    axes.set_yticks(range(len(rows)), [shorten(row.method) for row in reversed(rows)], color=ROLES["ink"])
    axes.set_ylim(-0.6, len(rows) - 0.35)
    if limits is not None:
        axes.set_xlim(*limits)
    else:
        axes.margins(x=0.1)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    axes.grid(axis="x", color=ROLES["rule"], linewidth=1.0)
    axes.spines["bottom"].set_visible(False)
    axes.set_xlabel(axis_label, color=ROLES["muted"], loc="right")
    label, words = name_target(group), "; ".join(f"{row.method} {row.text}" for row in rows)
    svg = render(canvas, placeholders(styles), prefix)
    return Panel(label, svg, f"{axis_label} on {label}: {words}.", group.frame.env)


def _draw(axes: Axes, row: Row, style: MethodStyle, height: float, limits: tuple[float, float] | None) -> None:
    found, row_of = row.interval, [height] * 2
    within = [value for value in row.runs if value < float("inf")]
    axes.plot(within, [height] * len(within), "|", color=style.ink, markersize=11, markeredgewidth=1.2, alpha=0.5)
    if row.num_beyond and limits is not None:
        axes.plot(limits[1:], [height], ">", color=style.ink, markersize=8, fillstyle="none", clip_on=False)
    if within and found.known:
        ends = [found.low, found.high]
        axes.plot(ends, row_of, color=style.ink, linewidth=3.0, alpha=0.45, solid_capstyle="round")
    if within:
        axes.plot([found.point], [height], style.marker, color=style.ink, markersize=9, markeredgewidth=0)
    place = axes.get_yaxis_transform()  # x in shares of the axes, y in data
    axes.text(1.04, height, row.text, transform=place, va="center", color=ROLES["ink"], fontsize=11.5)
