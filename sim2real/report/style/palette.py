"""Colours, dashes and markers: fixed per method, safe for colour-blind eyes, one value for light and one for
dark.

Figures are drawn in placeholder colours; `svg.py` turns those into CSS variables, so the page decides about
light, dark and print. Method colours start from Okabe & Ito's set ("Color Universal Design", 2008), darkened
or lightened to a contrast of at least 3:1 with the page; dash and marker repeat what the colour says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["ROLES", "STYLES", "MethodStyle", "make_styles", "placeholders"]


@dataclass(frozen=True)
class MethodStyle:
    """How one method looks everywhere: `ink` is the placeholder for figures, `light` and `dark` the real
    colours.

    `dash` is an SVG dash array in px ("" = solid), `marker` one of matplotlib's.
    """

    slot: int
    light: str
    dark: str
    dash: str
    marker: str

    @property
    def ink(self) -> str:
        """Placeholder colour of figures, replaced by the CSS variable `--m<slot>`."""
        return f"#0a0b{self.slot:02x}"

    @property
    def dashes(self) -> tuple[float, ...]:
        """The dash array as numbers, empty when solid."""
        return tuple(float(part) for part in self.dash.split())


STYLES: dict[str, MethodStyle] = {
    "frozen_encoder": MethodStyle(0, "#0067a8", "#5fb4ea", "", "o"),
    "fine_tune": MethodStyle(1, "#b56c00", "#f0ad3d", "", "s"),
    "feature_extraction": MethodStyle(2, "#a4508b", "#e39ccb", "", "D"),
    "zero_shot": MethodStyle(3, "#3f97cf", "#a9dbf8", "1.5 3", "P"),
    "scratch": MethodStyle(4, "#6d7278", "#a7adb4", "6 3", "v"),
    "oracle": MethodStyle(5, "#22262a", "#f0f0ee", "8 3 1.5 3", "*"),
    "recalibrate": MethodStyle(6, "#7c7400", "#dfd35a", "1.5 3", "X"),
    "gradual_unfreeze": MethodStyle(7, "#5a50c8", "#aba4f7", "", "^"),
    "residual": MethodStyle(8, "#00785c", "#43c79f", "", "p"),
    "rma": MethodStyle(9, "#7a4b2a", "#cfa27f", "", "h"),
}
"""Methods with a look of their own; the others take one of `_SPARE` by a hash of their name."""

_SPARE: tuple[tuple[str, str], ...] = (
    ("#bf4f1b", "#f18d60"),
    ("#00785c", "#43c79f"),
    ("#5a50c8", "#aba4f7"),
    ("#7c7400", "#dfd35a"),
    ("#7a4b2a", "#cfa27f"),
    ("#a4508b", "#e39ccb"),
)
_DASHES = ("6 2", "3 2", "9 2 2 2", "2 2")
_MARKERS = "^pXhd<>"

ROLES: dict[str, str] = {
    "ink": "#010203",
    "muted": "#010204",
    "rule": "#010205",
    "paper": "#010206",
    "positive": "#010207",
    "negative": "#010208",
}
"""Everything in a figure that is no method: role -> placeholder; the CSS variable has the role's name."""


def make_styles(methods: Iterable[str]) -> dict[str, MethodStyle]:
    """Look of every method: its own row of STYLES, else one that depends on its name (collisions move on by
    one).
    """
    chosen = {method: STYLES[method] for method in methods if method in STYLES}
    taken: set[int] = set()
    slots = len(_SPARE) * len(_DASHES)
    for method in sorted(set(methods) - STYLES.keys()):
        slot = int.from_bytes(hashlib.sha256(method.encode("utf-8", "surrogatepass")).digest()[:4], "big") % slots
        while slot in taken and len(taken) < slots:
            slot = (slot + 1) % slots
        taken.add(slot)
        light, dark = _SPARE[slot % len(_SPARE)]
        dash, marker = _DASHES[slot // len(_SPARE)], _MARKERS[slot % len(_MARKERS)]
        chosen[method] = MethodStyle(len(STYLES) + slot, light, dark, dash, marker)
    return chosen


def placeholders(styles: dict[str, MethodStyle]) -> dict[str, str]:
    """Placeholder colour -> CSS expression that replaces it."""
    found = {colour: f"var(--{role})" for role, colour in ROLES.items()}
    return found | {style.ink: f"var(--m{style.slot})" for style in styles.values()}
