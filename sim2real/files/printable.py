"""Text from files and names, made harmless to show."""

from __future__ import annotations

import re

__all__ = ["plural", "printable"]

# C0 and C1 controls but tab and newline; marks that reorder or hide text; line separators; halves of surrogate pairs
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def printable(text: str) -> str:
    """Replace every character that a terminal or a page would act on rather than show, by one that shows it.

    Controls of ASCII become their pictures (ESC: U+241B), the others U+FFFD; tabs and newlines stay. As long as `text`.
    """
    return _HIDDEN.sub(_picture, text)


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else "\N{REPLACEMENT CHARACTER}"


def plural(num: int, noun: str) -> str:
    """Return `1 seed`, `5 seeds`."""
    return f"{num} {noun}" if num == 1 else f"{num} {noun}s"
