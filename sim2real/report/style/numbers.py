"""How numbers are written: a true minus, few digits, the same decimals down a column."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ...stats import Interval

__all__ = [
    "MISSING",
    "between",
    "compute_decimals",
    "count",
    "duration",
    "number",
    "percent",
    "short_steps",
    "tick_number",
]

MISSING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def compute_decimals(values: Iterable[float]) -> int:
    """Decimals that leave about three digits on the largest of the values, between 0 and 3."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if largest == 0.0:
        return 0
    return min(max(2 - math.floor(math.log10(largest)), 0), 3)


def number(value: float, decimals: int = 0, *, signed: bool = False) -> str:
    """`1,234.5`, with U+2212 for minus and, if signed, a plus; zero has no sign; not finite is a dash."""
    if not math.isfinite(value):
        return MISSING
    rounded = round(value, decimals) + 0.0  # -0.0 + 0.0 = 0.0
    sign = MINUS if rounded < 0 else "+" if signed and rounded > 0 else ""
    return f"{sign}{abs(rounded):,.{decimals}f}"


def percent(value: float, decimals: int = 0, *, signed: bool = False) -> str:
    """Share as percentage, `+12 %`."""
    return f"{number(100.0 * value, decimals, signed=signed)}\N{NO-BREAK SPACE}%" if math.isfinite(value) else MISSING


def count(value: int | float) -> str:
    """Whole number with thousands separators."""
    return number(float(value), 0)


def between(interval: Interval, decimals: int = 0, *, signed: bool = False, share: bool = False) -> str:
    """`[low, high]`, or the reason why there is none."""
    if not interval.known:
        return "one run" if interval.num_runs == 1 else "no interval"
    scale = 100.0 if share else 1.0
    low, high = (number(scale * end, decimals, signed=signed) for end in (interval.low, interval.high))
    return f"[{low}, {high}]"


def duration(seconds: float) -> str:
    """`48 s`, `12 min`, `3.4 h`."""
    for limit, unit, divisor in ((120.0, "s", 1.0), (7200.0, "min", 60.0)):
        if seconds < limit:
            return f"{seconds / divisor:.0f}\N{NO-BREAK SPACE}{unit}"
    return f"{seconds / 3600.0:.1f}\N{NO-BREAK SPACE}h"


def short_steps(value: float) -> str:
    """Steps on an axis: 0, 50k, 1.5M."""
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.4g}{unit}"
    return f"{value:.4g}"


def tick_number(value: float) -> str:
    """Value on an axis with as many of up to three decimals as it needs: 0, 2.5, 1,200."""
    decimals = next((d for d in range(3) if abs(value - round(value, d)) < 1e-9 * max(1.0, abs(value))), 3)
    return number(value, decimals)
