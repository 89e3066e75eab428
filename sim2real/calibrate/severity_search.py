"""At which severity a policy loses a given share of its return.

    drop(s) = (R(0) - R(s)) / (R(0) - R_random)

R(s) is the policy's mean return at severity s, R_random that of uniformly random actions in the nominal world. So 0 is
the policy as it was and 1 is a policy that is worth no more than chance; the return itself would not do as a scale, as
its zero means nothing (reacher's returns are negative throughout, hopper is paid for standing). Below chance the drop
is more than 1, above the policy's own return less than 0.

Every severity is met with the same seeds (common random numbers), so that the curve is as smooth as the shift allows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from envs import Shift

from ..stats import FloatArray

__all__ = ["DropCurve", "Found", "search"]

TOLERANCE = 0.01  # of a drop: below what a hundred episodes resolve
JUMP = 0.05  # of a drop: a nearest one farther off than this needs a word
_BISECTIONS = 12
_FIRST, _FARTHEST = 1 / 8, 64  # severities tried, over the shift's default

Measure = Callable[[float], FloatArray]
"""severity -> returns (episodes,), the same episodes at every severity"""


@dataclass(frozen=True)
class Found:
    """Where a drop was looked for: the severity that comes nearest, and its drop.

    Attributes:
        wanted: the drop looked for.
        severity: None if there is none.
        drop: at the severity.
        remark: why there is no severity, or why the drop is not the one wanted.
    """

    wanted: float
    severity: float | None
    drop: float
    remark: str = ""


class DropCurve:
    """What was measured so far; every severity once.

    Attributes:
        nominal: (episodes,) returns at severity 0.
        random: (episodes,) returns of random actions at severity 0.
    """

    def __init__(self, measure: Measure, random: FloatArray) -> None:
        """Measure the nominal world."""
        self.nominal, self.random = measure(0.0), random
        self._measure = measure
        self._returns: dict[float, FloatArray] = {0.0: self.nominal}

    @property
    def span(self) -> float:
        """What there is to lose: the policy's mean return less that of random actions."""
        return float(self.nominal.mean() - self.random.mean())

    def drop(self, severity: float) -> float:
        """Return the share of the span that is lost at `severity`."""
        if severity not in self._returns:
            self._returns[severity] = self._measure(severity)
        return float((self.nominal.mean() - self._returns[severity].mean()) / self.span)

    def points(self) -> list[tuple[float, float]]:
        """Return (severity, drop) of all that was measured, by severity."""
        return [(severity, self.drop(severity)) for severity in sorted(self._returns)]

    def noise(self, one: float, other: float) -> float:
        """Return two standard errors of the difference between the drops at two severities, over paired episodes."""
        difference = self._returns[one] - self._returns[other]
        spread = float(difference.std(ddof=1)) if len(difference) > 1 else 0.0
        return 2 * spread / float(np.sqrt(len(difference))) / self.span


def search(curve: DropCurve, shift: Shift, drops: list[float]) -> list[Found]:
    """Find the severities at which `drops` are lost.

    The severity doubles from a small one until the largest drop is exceeded, once more to see whether the curve turns
    back, or until the shift's highest; each crossing is then bisected. A drop has no severity where the curve does not
    reach it, or where it goes back by more than its noise, as then several would do.
    """
    _explore(curve, shift, max(drops))
    found = [_bisect(curve, drop, 1.0 if shift.integer else shift.resolution) for drop in drops]
    return [_doubtful(curve, f) if f.severity is not None else f for f in found]


def _explore(curve: DropCurve, shift: Shift, largest: float) -> None:
    severity = 1.0 if shift.integer else min(shift.severity * _FIRST, shift.highest)
    last = min(shift.highest, shift.severity * _FARTHEST)
    exceeded = False
    while True:
        reached = curve.drop(severity) > largest
        if severity >= last or (exceeded and reached):
            return
        exceeded = reached
        severity = min(2 * severity, last)


def _bisect(curve: DropCurve, wanted: float, resolution: float) -> Found:
    points = curve.points()
    crossings = [(a, b) for (a, below), (b, above) in pairwise(points) if below < wanted <= above]
    if not crossings:
        severity, most = max(points, key=lambda point: point[1])
        return Found(wanted, None, most, f"no severity up to {points[-1][0]:g} costs it; {most:.2f} at {severity:g}")
    low, high = crossings[0]
    for _ in range(_BISECTIONS):
        off = min(abs(curve.drop(s) - wanted) for s in (low, high))
        if off <= TOLERANCE or _is_resolved(curve, low, high):
            break
        middle = (low + high) / 2
        middle = float(f"{resolution * round(middle / resolution) if resolution else middle:.4g}")
        if middle in (low, high):
            break
        low, high = (low, middle) if curve.drop(middle) >= wanted else (middle, high)
    severity = min((s for s in (low, high) if s > 0), key=lambda s: abs(curve.drop(s) - wanted))
    jump = f"nothing nearer: {curve.drop(low):.2f} at {low:g}, {curve.drop(high):.2f} at {high:g}"
    drop = curve.drop(severity)
    return Found(wanted, severity, drop, jump if abs(drop - wanted) > JUMP else "")


def _is_resolved(curve: DropCurve, low: float, high: float) -> bool:
    """Return whether the episodes cannot distinguish the drops of a narrow bracket."""
    difference = curve.drop(high) - curve.drop(low)
    return 0 <= difference <= min(curve.noise(low, high), JUMP)


def _doubtful(curve: DropCurve, found: Found) -> Found:
    """Return it without a severity if the drop falls again beyond it, or was higher before it."""
    assert found.severity is not None
    for severity, drop in curve.points():
        back = (found.drop - drop) * np.sign(severity - found.severity)  # > 0: against the order of severities
        if back > TOLERANCE + curve.noise(severity, found.severity):
            remark = (
                f"the drop does not grow with the severity: {found.drop:.2f} at {found.severity:g}, "
                f"{drop:.2f} at {severity:g}"
            )
            return Found(found.wanted, None, found.drop, remark)
    return found
