"""Draw on matplotlib, hand out inline SVG: text stays text, colours are CSS variables, same data same bytes.

Everything here happens inside `drawing()`, which `Figure.plot` opens.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...files.printable import printable
from ..style.palette import ROLES

if (
    TYPE_CHECKING
):  # matplotlib takes longer to import than all else of a report: it is imported where something is drawn
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = ["Panel", "drawing", "make_axes", "make_facets", "render"]

FONT_SIZE = 12.0
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "sim2real",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": FONT_SIZE,
    "axes.linewidth": 1.0,
    "axes.unicode_minus": True,
    "path.simplify": False,
    "text.parse_math": False,
}


_FAMILY = re.compile(r'font-family: [^;"]*')


@contextmanager
def drawing() -> Iterator[None]:
    """Matplotlib as it came plus our settings, whatever the user's matplotlibrc says; restored after."""
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the page has fonts of its own
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield


@dataclass(frozen=True)
class Panel:
    """One picture of a figure: what it is about, the inline SVG, what it shows in words for who cannot see it, and the
    environment in whose part of the page it stands.
    """

    label: str
    svg: str
    description: str
    env: str


def make_axes(width: float, height: float, *, margins: tuple[float, float, float, float]) -> tuple[Canvas, Axes]:
    """Figure of width x height px with one quiet axes; margins are left, right, top, bottom in px."""
    canvas = _canvas(width, height)
    left, right, top, bottom = margins
    return canvas, _axes(canvas, (left, bottom, width - left - right, height - top - bottom))


def make_facets(
    num: int, columns: int, size: tuple[float, float], *, margins: tuple[float, float, float, float]
) -> tuple[Canvas, list[Axes]]:
    """Figure of `num` quiet axes of one size, row by row; `size` (width, height) px is that of one with its margins."""
    rows = -(-num // columns)
    width, height = size
    left, right, top, bottom = margins
    canvas = _canvas(columns * width, rows * height)
    corners = [((i % columns) * width + left, (rows - 1 - i // columns) * height + bottom) for i in range(num)]
    return canvas, [_axes(canvas, (x, y, width - left - right, height - top - bottom)) for x, y in corners]


def _canvas(width: float, height: float) -> Canvas:
    from matplotlib.figure import Figure as Canvas

    return Canvas(figsize=(width / 72.0, height / 72.0), dpi=72.0, facecolor="none")


def _axes(canvas: Canvas, box: tuple[float, float, float, float]) -> Axes:
    """Add an axes at left, bottom, width, height in px."""
    width, height = 72.0 * canvas.get_figwidth(), 72.0 * canvas.get_figheight()
    axes = canvas.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height), facecolor="none")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(ROLES["rule"])
    axes.tick_params(length=0, pad=6, colors=ROLES["muted"], labelsize=FONT_SIZE)
    axes.set_axisbelow(True)
    return axes


def render(canvas: Canvas, colours: Mapping[str, str], prefix: str) -> str:
    """Inline SVG of `canvas` with colours as CSS variables and ids made unique on the page by `prefix`."""
    stream = io.StringIO()
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    canvas.savefig(stream, format="svg", facecolor="none", metadata=metadata)
    text = printable(stream.getvalue())
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    # size comes from the page, proportions from the viewBox
    text = re.sub(r'(<svg [^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg [^>]*?) height="[^"]*"', r"\1", text, count=1)
    width = 72.0 * canvas.get_figwidth()
    # letters grow no further on a wide page and stay legible on a narrow one, which scrolls
    size = f"min-width:{min(0.75 * width, 640.0):.0f}px;max-width:{1.15 * width:.0f}px"
    text = text.replace("<svg ", f'<svg aria-hidden="true" focusable="false" style="{size}" ', 1)
    text = _FAMILY.sub("font-family: var(--sans)", text)
    for colour, expression in colours.items():
        text = text.replace(colour, expression)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', text)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
