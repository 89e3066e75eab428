"""Verdict: what a check found of a shift, as data that goes into a table or a JSON file."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Divergence", "Quantity", "ShiftCheck", "Solvability", "Verdict", "worst_of"]

Array = NDArray[np.float64]


class Verdict(StrEnum):
    """What a shift turned out to be."""

    OK = "OK"
    NULL = "NULL"
    WRONG_QUANTITY = "WRONG QUANTITY"
    UNSOLVABLE = "UNSOLVABLE"
    NOT_APPLICABLE = "NOT APPLICABLE"


@dataclass(frozen=True)
class Quantity:
    """One number of the shifted worlds: what the domain intends, and what was measured in what runs.

    Attributes:
        name: the parameter and its object, e.g. `body_mass[torso]`.
        nominal: the same measured in the nominal world; NaN where that has no meaning.
        intended: what the domain asks for.
        measured: NaN if it could not be measured, which is no error; an infinite number is one that was measured.
        tolerance: largest difference that the measurement itself explains.
        how: what was measured.
        hint: what usually is the matter when it is wrong.
    """

    name: str
    nominal: float
    intended: float
    measured: float
    tolerance: float
    how: str
    hint: str = ""

    @property
    def known(self) -> bool:
        """Whether it could be measured."""
        return not math.isnan(self.measured)

    @property
    def excess(self) -> float:
        """Return the error in units of the tolerance; 0 where measured or intended are unknown."""
        if not self.known or math.isnan(self.intended) or self.measured == self.intended:
            return 0.0
        return abs(self.measured - self.intended) / self.tolerance

    @property
    def wrong(self) -> bool:
        """Whether what runs is not what was intended."""
        return not self.excess <= 1.0  # an excess that is no number is wrong too

    def explain(self) -> str:
        """Return the finding as a sentence."""
        unchanged = math.isfinite(self.nominal) and abs(self.measured - self.nominal) <= self.tolerance
        text = f"{self.name}: intended {self.intended:.4g}, but {self.how} is {self.measured:.4g}"
        text += " as in the nominal world" if unchanged else ""
        return f"{text}: {self.hint}" if self.hint else text


def worst_of(
    name: str,
    how: str,
    *,
    nominal: Array | float,
    intended: Array,
    measured: Array,
    tolerance: Array | float,
    hint: str = "",
) -> Quantity:
    """Return the quantity of that world in which it is furthest from what is intended.

    Args:
        name: of the quantity.
        how: what was measured.
        nominal: (num_worlds,) or one number.
        intended: (num_worlds,)
        measured: (num_worlds,), NaN where it could not be measured.
        tolerance: (num_worlds,) or one number, > 0.
        hint: what usually is the matter.
    """
    nominal, tolerance = (np.broadcast_to(np.asarray(x, np.float64), intended.shape) for x in (nominal, tolerance))
    with np.errstate(invalid="ignore"):  # both may be infinite, as limits that never bind are
        error = np.abs(measured - intended) / tolerance
        error = np.where(measured == intended, 0.0, np.where(np.isnan(measured) | np.isnan(intended), -1.0, error))
    world = int(np.argmax(error))
    numbers = [float(x[world]) for x in (nominal, intended, measured, tolerance)]
    return Quantity(name, numbers[0], numbers[1], numbers[2], numbers[3], how, hint)


@dataclass(frozen=True)
class Divergence:
    """How far one control step from the same state, with the same action, leads apart.

    Attributes:
        entries: observation name -> mean distance in units of that entry's nominal one-step change (sd).
        steps: world-steps compared.
        first_step: control step of the first difference; -1 if there is none.
        one_step: whether every step is taken from the same state; where no state can be written, two whole runs from
            one start are compared, so that what diverges adds up.
    """

    entries: dict[str, float]
    steps: int
    first_step: int
    one_step: bool = True

    def describe_steps(self) -> str:
        """Return in words what was compared."""
        if self.one_step:
            return f"one step from {self.steps} states"
        return f"a run of {self.steps} world-steps with the same start and actions"

    @property
    def worst(self) -> tuple[str, float]:
        """Return the entry that diverges most, and by how much."""
        name = max(self.entries, key=lambda key: self.entries[key])
        return name, self.entries[name]

    @property
    def null(self) -> bool:
        """Whether no entry ever diverged, of what could be compared."""
        return self.first_step < 0 and self.steps > 0


@dataclass(frozen=True)
class Solvability:
    """Whether some policy does better than random actions.

    Attributes:
        known: whether the same search succeeds in the nominal world; if not, this says nothing of the shift.
        solvable: whether it does in the shifted one.
        best: mean return of the policy found.
        random: mean return of uniformly random actions in the same worlds.
        low: lower and
        high: upper end of the 95 % interval of their difference.
        reason: why not, if it is not solvable.
        over_at_once: whether that is so as episodes end before anyone could act.
    """

    known: bool
    solvable: bool
    best: float
    random: float
    low: float
    high: float
    reason: str = ""
    over_at_once: bool = False

    @property
    def word(self) -> str:
        """Return `yes`, `no` or `unknown`."""
        return "yes" if self.solvable else "no" if self.known else "unknown"


@dataclass(frozen=True)
class ShiftCheck:
    """What was found of one shift.

    Attributes:
        shift: its name.
        severity: None where it has none.
        verdict: in one word.
        message: in a sentence.
        quantities: all that were measured.
        divergence: None if it is not applicable.
        solvability: None if it is not applicable, or the reference itself.
    """

    shift: str
    severity: float | None
    verdict: Verdict
    message: str
    quantities: tuple[Quantity, ...] = ()
    divergence: Divergence | None = None
    solvability: Solvability | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong: a shift that this robot cannot have is no fault."""
        return self.verdict in (Verdict.OK, Verdict.NOT_APPLICABLE)

    @property
    def worst(self) -> Quantity | None:
        """Return the quantity furthest from what is intended, or the one that moved most if all are right."""
        known = [q for q in self.quantities if q.known]
        if any(q.wrong for q in known):
            return max(known, key=lambda q: q.excess)
        return max(known, key=_movement, default=None)

    def to_mapping(self) -> dict[str, Any]:
        """Return everything as what JSON can hold; what is not a finite number becomes None."""
        content = asdict(self)
        content["verdict"] = self.verdict.value
        content["ok"] = self.ok
        if self.divergence is not None:
            name, value = self.divergence.worst
            content["divergence"]["worst"] = {"entry": name, "value": value}
        if self.solvability is not None:
            content["solvability"]["word"] = self.solvability.word
        for row, quantity in zip(content["quantities"], self.quantities, strict=True):
            row["wrong"] = quantity.wrong
        return {key: _plain(value) for key, value in content.items()}


def _movement(quantity: Quantity) -> float:
    """Return the relative change from nominal; -1 for what has no nominal value."""
    if not math.isfinite(quantity.nominal):
        return -1.0
    return abs(quantity.measured - quantity.nominal) / (abs(quantity.nominal) or 1.0)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
