"""Method by target: the normalised effect of transfer with its interval, teal for gain and red for loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...stats import REFERENCE, Cell, Summary, Word
from ..style.numbers import MISSING, between, percent
from ..style.palette import ROLES, make_styles, placeholders
from ..style.wording import shorten
from .svg import Panel, make_axes, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_method_by_target"]

ROW, COLUMN, TOP = 50.0, 168.0, 34.0
FULL = 0.6
"""Effect, as share of the span, at which a cell has its full colour."""
SIGNS = {Word.POSITIVE: "\N{BLACK UP-POINTING TRIANGLE} ", Word.NEGATIVE: "\N{BLACK DOWN-POINTING TRIANGLE} "}


def plot_method_by_target(summary: Summary) -> tuple[Panel, ...]:
    """One table-like picture per environment: methods down, the best on top, targets across. Empty when no method can
    be compared with scratch.
    """
    panels = (_panel(summary, env, i) for i, env in enumerate(summary.envs))
    return tuple(panel for panel in panels if panel is not None)


def _panel(summary: Summary, env: str, index: int) -> Panel | None:
    methods = [method for method in summary.ranked(env) if method != REFERENCE]
    groups = [g for g in summary.groups_of(env) if any("effect" in cell.quantities for cell in g.cells.values())]
    if not groups or not methods:
        return None
    left = 24.0 + 7.4 * max(len(shorten(method)) for method in methods)  # px; 7.4 is a wide letter of 12.5 px
    canvas, axes = make_axes(left + COLUMN * len(groups) + 2.0, TOP + ROW * len(methods), margins=(left, 2.0, TOP, 2.0))
    axes.set_xlim(0.0, len(groups))
    axes.set_ylim(len(methods), 0.0)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines["bottom"].set_visible(False)
    style: dict[str, Any] = {"color": ROLES["ink"], "fontsize": 12.5}
    for column, group in enumerate(groups):
        axes.text(column + 0.5, -10.0 / ROW, shorten(group.frame.target), ha="center", va="bottom", **style)
    words = []
    for row, method in enumerate(methods):
        bold = "bold" if method == summary.leading else "normal"
        axes.text(-12.0 / COLUMN, row + 0.5, shorten(method), ha="right", va="center", weight=bold, **style)
        for column, group in enumerate(groups):
            words.append(f"{group.frame.target}, {method}: {_draw(axes, group.cells.get(method), column, row)}")
    svg = render(canvas, placeholders(make_styles(summary.methods)), f"heat{index}")
    return Panel("", svg, f"Effect on {env} as share of the span. {'; '.join(words)}.", env)


def _draw(axes: Axes, cell: Cell | None, column: int, row: int) -> str:
    """Draw one cell and return what it says."""
    found = cell.quantities.get("effect") if cell else None
    box = (column + 0.015, row + 0.04)
    if cell is None or found is None or cell.verdict is None:
        _rectangle(axes, box, ROLES["rule"], 0.35)
        axes.text(column + 0.5, row + 0.5, MISSING, ha="center", va="center", color=ROLES["muted"])
        return "not known"
    colour = ROLES["positive"] if found.point >= 0.0 else ROLES["negative"]
    sign = SIGNS.get(cell.verdict.word, "")
    strength = 0.10 + 0.42 * min(abs(found.point) / FULL, 1.0)
    _rectangle(axes, box, colour, strength if sign else 0.06)  # full colour is for what is decided
    head, tail = sign + percent(found.point, signed=True), between(found, signed=True, share=True)
    weight = "bold" if sign else "normal"
    axes.text(
        column + 0.5,
        row + 0.48,
        head,
        ha="center",
        va="bottom",
        color=ROLES["ink"],
        fontsize=15.0,
        weight=weight,
    )
    axes.text(column + 0.5, row + 0.62, tail, ha="center", va="top", color=ROLES["ink"], fontsize=11.0)
    return f"{head} {tail}, {cell.verdict.word.value}"


def _rectangle(axes: Axes, corner: tuple[float, float], colour: str, alpha: float) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle(corner, 0.97, 0.92, facecolor=colour, edgecolor="none", alpha=alpha))
