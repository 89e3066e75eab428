"""Phase: a stretch of training, and the rule that may end it early."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any, Self

from ..errors import PlanError, is_number, unknown_name
from ..networks.rules import is_whole
from ..policy.patterns import PARTS, best_pattern
from .regularisers import Regulariser, check_regularisers

__all__ = ["ExplainedVariance", "Phase", "require_pattern"]


@dataclass(frozen=True)
class ExplainedVariance:
    """Stop rule: the value head explains the returns of a rollout, 1 - Var[return - value] / Var[return].

    The returns are discounted sums of the rewards to the end of the episode, or to the end of the rollout and
    from there the value (lambda = 1): values are not to be judged by returns that are made of them.

    `threshold` lies in (0, 1]; `min_steps` and `max_steps` are the floor and the ceiling in steps of the
    phase.
    """

    threshold: float
    min_steps: int
    max_steps: int

    def __post_init__(self) -> None:
        """Raise PlanError on an impossible threshold or an empty range of steps."""
        if not is_number(self.threshold) or not 0.0 < self.threshold <= 1.0:
            raise PlanError(f"explained variance threshold is {self.threshold!r}: it must lie in (0, 1]")
        whole = is_whole(self.max_steps) and (self.min_steps == 0 or is_whole(self.min_steps))
        if not whole or not self.min_steps <= self.max_steps:
            raise PlanError(
                f"min_steps {self.min_steps!r}, max_steps {self.max_steps!r}: whole numbers, 0 <= min <= max, max >= 1"
            )

    def satisfied(self, explained_variance: float, steps: int) -> bool:
        """Return whether a phase that has taken `steps` ends; an undefined explained variance (nan) is low."""
        enough = not math.isnan(explained_variance) and explained_variance >= self.threshold
        return steps >= self.max_steps or (steps >= self.min_steps and enough)


@dataclass(frozen=True)
class Phase:
    """A stretch of training: which parts train and at what share of the learning rate, and when it ends.

    `trains` maps patterns (`policy_head`, `encoder.layers.0`, `critic.*`) to scales on the learning rate; where several
    name a unit, the most specific counts. A phase that trains nothing only collects: a learner with a replay fills it.
    `budget` is in steps of the environment, None: until the run's own budget. With `stop` it may end earlier. A phase
    begins with a fresh optimizer, also for what trained in the one before.
    """

    name: str
    trains: Mapping[str, float]
    budget: int | None = None
    stop: ExplainedVariance | None = None
    regularisers: tuple[Regulariser, ...] = ()

    def __post_init__(self) -> None:
        """Raise PlanError on an unknown part, a scale not above 0, a budget below 1, or an unknown regulariser."""
        for pattern, scale in self.trains.items():
            require_pattern(pattern, f"phase {self.name!r}: ")
            if not is_number(scale) or scale <= 0:
                raise PlanError(
                    f"phase {self.name!r}: learning-rate scale of {pattern} is {scale!r}, it must be above 0"
                )
        if self.budget is not None and not is_whole(self.budget):
            raise PlanError(
                f"phase {self.name!r}: budget is {self.budget!r} steps, it must be a whole number of at least 1 or None"
            )
        object.__setattr__(self, "regularisers", tuple(self.regularisers))
        check_regularisers(self.regularisers)

    @property
    def most_steps(self) -> int | None:
        """Steps after which the phase ends whatever happens; None if only the run's budget ends it."""
        limits = [self.budget, self.stop.max_steps if self.stop else None]
        return min((limit for limit in limits if limit is not None), default=None)

    def over(self, explained_variance: float, steps: int) -> bool:
        """Return whether the phase ends after `steps`, given the last rollout's explained variance."""
        spent = self.budget is not None and steps >= self.budget
        return spent or (self.stop is not None and self.stop.satisfied(explained_variance, steps))

    def rate(self, unit: str) -> float | None:
        """Return the learning-rate scale of a unit (see `parts`), None where it does not train."""
        pattern = best_pattern(unit, self.trains)
        return None if pattern is None else self.trains[pattern]

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `from_json` reads back as an equal phase."""
        return {
            "name": self.name,
            "trains": dict(self.trains),
            "budget": self.budget,
            "stop": None if self.stop is None else {"rule": "explained_variance", **asdict(self.stop)},
            "regularisers": [asdict(regulariser) for regulariser in self.regularisers],
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        """Build from what `to_json` returned; KeyError or TypeError on anything else."""
        regularisers = tuple(Regulariser(**item) for item in row.get("regularisers", ()))
        return cls(row["name"], dict(row["trains"]), row["budget"], _stop_from_json(row["stop"]), regularisers)


def require_pattern(pattern: str, where: str = "") -> None:
    """Raise PlanError unless the pattern's first word names a part of PARTS."""
    first = str(pattern).split(".")[0]
    if not any(fnmatchcase(part, first) for part in PARTS):
        raise PlanError(f"{where}{unknown_name('part', first, PARTS)}")


def _stop_from_json(data: Mapping[str, Any] | None) -> ExplainedVariance | None:
    """Return the stop rule; PlanError if it names a rule that is unknown."""
    if data is None:
        return None
    fields = dict(data)
    rule = fields.pop("rule")
    if rule != "explained_variance":
        raise PlanError(unknown_name("stop rule", rule, ("explained_variance",)))
    return ExplainedVariance(**fields)
