"""Lines across learning curves: the threshold, dotted, and what the oracle reached, dashed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...stats import Group
from ..style.numbers import compute_decimals, number
from ..style.palette import ROLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Transform

__all__ = ["mark_levels"]


def mark_levels(axes: Axes, group: Group, *, words: bool = True) -> None:
    """Draw threshold and oracle of a target, each with its value if `words`; what is not known is not drawn."""
    frame = group.frame
    if math.isfinite(frame.threshold):
        _mark(axes, frame.threshold, "threshold" if words else "", (1.0, 3.0))
    if math.isfinite(frame.oracle_return) and frame.budget:
        times = f"oracle, {frame.oracle_steps / frame.budget:.3g} x the steps:" if words else ""
        _mark(axes, frame.oracle_return, times, (7.0, 3.0))


def _mark(axes: Axes, level: float, words: str, dashes: tuple[float, float]) -> None:
    """Line with its value; far outside it would flatten the curves, then the value stands alone."""
    low, high = axes.get_ylim()
    reach = 0.6 * (high - low)
    within = low - reach <= level <= high + reach
    if within:
        axes.set_ylim(min(low, level - 0.04 * reach), max(high, level + (0.2 if words else 0.04) * reach))
        axes.axhline(level, color=ROLES["ink"], linewidth=1.0, linestyle=(0.0, dashes))
    if words:
        text = f"{words} {number(level, compute_decimals([level]))}"
        text += "" if within else ", above this panel" if level > high else ", below this panel"
        place = axes.get_yaxis_transform() if within else axes.transAxes
        _write(axes, text, level if within else 0.96 if level > high else 0.02, place)


def _write(axes: Axes, text: str, height: float, place: Transform) -> None:
    axes.annotate(
        text,
        (0.012, height),
        xycoords=place,
        xytext=(0.0, 5.0),
        textcoords="offset points",
        ha="left",
        color=ROLES["ink"],
        fontsize=11.0,
        bbox={"facecolor": ROLES["paper"], "alpha": 0.75, "edgecolor": "none", "pad": 1.5},
    )
