"""RULES: what the signals say for and against moving things, each rule a row.

A method's score is the sum of the points that its traits get from the rules that hold. A policy that is carried over
as it is has no traits and stands at 0: what moves must be worth it. Points and thresholds are judgement, not fitted to
any outcome; how well the ranking predicts outcomes is measured apart (see `worth`). As a signal grows, rules only ever
add points, so that a wider gap never speaks for leaving the policy alone; the one exception, saturation, takes from
small corrections what they cannot do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from .signals import Reading

__all__ = ["RULES", "Rule"]


@dataclass(frozen=True)
class Rule:
    """If a signal is at least so great, then some traits gain or lose, and some parts should train.

    Attributes:
        name: of the rule.
        signal: one of SIGNALS; None: the rule always holds.
        least: of the signal, for the rule to hold: its whole 95 % interval has to be there; what is unknown does not
            hold.
        points: trait -> what a method with it gains.
        trains: patterns of parts that should not be frozen then.
        reason: why, with {value} and {where} of the signal and its interval as {ends} or, in per cent, {percents}.
    """

    name: str
    signal: str | None
    least: float
    points: Mapping[str, float]
    reason: str
    trains: tuple[str, ...] = field(default=())

    def holds(self, readings: Mapping[str, Reading]) -> bool:
        """Return whether it does."""
        return self.signal is None or readings[self.signal].reaches(self.least)

    def is_open(self, readings: Mapping[str, Reading]) -> bool:
        """Return whether the value alone would do, but not its interval: more steps may show that the rule holds."""
        return not self.holds(readings) and self.signal is not None and readings[self.signal].value >= self.least

    def explain(self, readings: Mapping[str, Reading]) -> str:
        """Return the reason with its numbers."""
        reading = Reading(0.0) if self.signal is None else readings[self.signal]
        ends = [math.nan if end is None else end for end in (reading.low, reading.high)]
        known = all(map(math.isfinite, ends))
        return self.reason.format(
            value=reading.value,
            where=reading.where,
            ends=" [{:.2g}, {:.2g}]".format(*ends) if known else "",
            percents=" [{:.0%}, {:.0%}]".format(*ends) if known else "",
        )


_HEADS = ("policy_head", "value_head", "log_std")

RULES: tuple[Rule, ...] = (
    Rule(
        "caution",
        None,
        0.0,
        {"trains": -1.0, "encoder": -0.5, "fresh": -2.0, "statistics": -0.25, "warm_up": 0.25, "near": 0.25},
        "what moves can be lost, and few target steps repair little",
    ),
    Rule(
        "return",
        "return_lost",
        0.1,
        {"trains": 2.0},
        "the policy loses {value:.0%}{percents} of its return: there is something to gain",
        _HEADS,
    ),
    Rule(
        "failure",
        "return_lost",
        0.5,
        {"trains": 1.0, "encoder": 0.5},
        "it loses {value:.0%}{percents}, more than small corrections repair",
    ),
    Rule(
        "collapse",
        "return_lost",
        0.9,
        {"fresh": 1.0},
        "it loses {value:.0%}{percents}: little of the behaviour is worth keeping",
    ),
    Rule(
        "inputs",
        "inputs_moved",
        0.5,
        {"statistics": 0.5},
        "{where} lies {value:.2g}{ends} sd further out than on the source: the normaliser is off",
        ("encoder.normalizer",),
    ),
    Rule(
        "sensors",
        "readings_off",
        0.5,
        {"statistics": 0.5, "encoder": 0.5},
        "the sensors of {where} err by {value:.2g}{ends} one-step changes more than the source's",
        ("encoder.normalizer",),
    ),
    Rule(
        "physics",
        "physics_off",
        0.5,
        {"trains": 0.5},
        "one step leads {where} astray by {value:.2g}{ends} one-step changes more than on the source",
        _HEADS,
    ),
    Rule(
        "features",
        "features_moved",
        0.02,
        {"encoder": 1.0},
        "layer {where} makes something else of a step than of the simulator's: CKA {value:.2g}{ends} lower than on "
        "source",
        ("encoder",),
    ),
    Rule(
        "capacity",
        "capacity_lost",
        0.25,
        {"encoder": 0.5},
        "layer {where} has {value:.0%}{percents} fewer live units or directions on the target's states",
        ("encoder",),
    ),
    Rule(
        "critic",
        "value_misled",
        0.5,
        {"warm_up": 0.75},
        "values miss the returns by {value:.2g}{ends} sd more than on the source: the critic must learn first",
        ("value_head",),
    ),
    Rule(
        "saturation",
        "saturated",
        0.1,
        {"near": -0.5},
        "{value:.0%}{percents} more of the actions stand at their bounds: small corrections have no room",
        ("policy_head",),
    ),
)
