"""A transfer as data: what becomes of every part, and in which order which parts train."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, Self

from .errors import PlanError, unknown_name
from .parts import PARTS, count, part_names
from .policy import AgentPolicy

__all__ = ["ACTIONS", "ExplainedVariance", "Phase", "PlanRow", "TransferPlan", "pretrain_plan"]

ACTIONS = {
    "keep": "carried over, may train",
    "reset": "fresh, may train",
    "freeze": "carried over, parameters and buffers stay as they are",
}


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
        if not 0.0 < self.threshold <= 1.0:
            raise PlanError(f"explained variance threshold is {self.threshold!r}: it must lie in (0, 1]")
        if not 0 <= self.min_steps <= self.max_steps or self.max_steps < 1:
            raise PlanError(f"min_steps {self.min_steps!r} and max_steps {self.max_steps!r}: 0 <= min <= max, max >= 1")

    def satisfied(self, explained_variance: float, steps: int) -> bool:
        """Tell whether a phase that has taken `steps` ends; an undefined explained variance (nan) is low."""
        enough = not math.isnan(explained_variance) and explained_variance >= self.threshold
        return steps >= self.max_steps or (steps >= self.min_steps and enough)


@dataclass(frozen=True)
class Phase:
    """A stretch of training: which parts train and at what share of the learning rate, and when it ends.

    `budget` is in steps of the environment, None: until the run's own budget. With `stop` it may end earlier.
    """

    name: str
    trains: Mapping[str, float]  # part -> scale on the learning rate
    budget: int | None = None
    stop: ExplainedVariance | None = None

    def __post_init__(self) -> None:
        """Raise PlanError on an unknown part, a scale that is not above 0, or a budget below 1."""
        if not self.trains:
            raise PlanError(f"phase {self.name!r} trains nothing: name at least one of {', '.join(PARTS)}")
        for part, scale in self.trains.items():
            if part not in PARTS:
                raise PlanError(f"phase {self.name!r}: {unknown_name('part', part, PARTS)}")
            if not (math.isfinite(scale) and scale > 0):
                raise PlanError(f"phase {self.name!r}: learning-rate scale of {part} is {scale!r}, it must be above 0")
        if self.budget is not None and self.budget < 1:
            raise PlanError(f"phase {self.name!r}: budget is {self.budget!r} steps, it must be at least 1 or None")

    @property
    def most_steps(self) -> int | None:
        """Steps after which the phase ends whatever happens; None if only the run's budget ends it."""
        limits = [self.budget, self.stop.max_steps if self.stop else None]
        return min((limit for limit in limits if limit is not None), default=None)

    def over(self, explained_variance: float, steps: int) -> bool:
        """Tell whether the phase ends after `steps`, given the last rollout's explained variance."""
        spent = self.budget is not None and steps >= self.budget
        return spent or (self.stop is not None and self.stop.satisfied(explained_variance, steps))


class PlanRow(NamedTuple):
    """One row of a plan's table: a part, what becomes of it, its size, its rate scale in every phase."""

    part: str
    action: str  # kept | reset | frozen
    parameters: int
    rates: dict[str, float | None]  # phase name -> scale, None where the part stays still


@dataclass(frozen=True)
class TransferPlan:
    """For every part keep, reset or freeze, and an ordered tuple of phases; zero-shot if there is none.

    `value_encoder` need not be named: where a policy has one, it follows `encoder`.
    """

    parts: Mapping[str, str]
    phases: tuple[Phase, ...] = field(default=())

    def __post_init__(self) -> None:
        """Raise PlanError on unknown names, phases of the same name, and frozen parts that are to train."""
        for part, action in self.parts.items():
            if part not in PARTS:
                raise PlanError(unknown_name("part", part, PARTS))
            if not isinstance(action, str) or action not in ACTIONS:
                raise PlanError(f"part {part!r}: {unknown_name('action', action, ACTIONS)}")
        object.__setattr__(self, "phases", tuple(self.phases))
        names = [phase.name for phase in self.phases]
        if len(set(names)) != len(names):
            raise PlanError(f"phases {names}: every phase needs a name of its own")
        for phase in self.phases:
            for part in phase.trains:
                if self.action(part) == "freeze":
                    raise PlanError(f"part {part!r} is frozen, but phase {phase.name!r} trains it: keep it instead")
        for phase in self.phases[:-1]:
            if phase.most_steps is None:
                raise PlanError(f"phase {phase.name!r} never ends: it needs a budget or a stop rule, as others follow")

    def action(self, part: str) -> str | None:
        """Return what becomes of `part`, None if the plan does not say."""
        if part == "value_encoder" and part not in self.parts:
            return self.parts.get("encoder")
        return self.parts.get(part)

    def rate(self, phase: Phase, part: str) -> float | None:
        """Return the learning-rate scale of `part` in `phase`, None where it does not train."""
        if part == "value_encoder" and part not in self.parts:
            return phase.trains.get(part, phase.trains.get("encoder"))
        return phase.trains.get(part)

    def check(self, policy: AgentPolicy) -> None:
        """Raise PlanError if the plan leaves a part of the policy open, or a phase has nothing to train."""
        for part in part_names(policy):
            if self.action(part) is None:
                raise PlanError(f"the plan does not say what becomes of part {part!r}: {', '.join(ACTIONS)}")
        for phase in self.phases:
            trained = [part for part in part_names(policy) if self.rate(phase, part) is not None]
            if not sum(count(policy, part) for part in trained):
                raise PlanError(f"phase {phase.name!r} trains {trained}, which hold no parameters in this policy")

    def table(self, policy: AgentPolicy) -> list[PlanRow]:
        """Return one row for every part of the policy; raises PlanError as `check` does."""
        self.check(policy)
        words = {"keep": "kept", "reset": "reset", "freeze": "frozen"}
        return [
            PlanRow(
                part,
                words[str(self.action(part))],
                count(policy, part),
                {phase.name: self.rate(phase, part) for phase in self.phases},
            )
            for part in part_names(policy)
        ]

    def to_json(self) -> dict[str, Any]:
        """Return plain data (dicts, lists, strings, numbers) that `from_json` reads back as an equal plan."""
        phases = [
            {
                "name": phase.name,
                "trains": dict(phase.trains),
                "budget": phase.budget,
                "stop": None if phase.stop is None else {"rule": "explained_variance", **asdict(phase.stop)},
            }
            for phase in self.phases
        ]
        return {"parts": dict(self.parts), "phases": phases}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Build from what `to_json` returned; PlanError on anything else."""
        try:
            phases = tuple(
                Phase(row["name"], dict(row["trains"]), row["budget"], _stop_from_json(row["stop"]))
                for row in data["phases"]
            )
            return cls(dict(data["parts"]), phases)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise PlanError(f"not a plan: {type(error).__name__}: {error}") from error


def _stop_from_json(data: Mapping[str, Any] | None) -> ExplainedVariance | None:
    """Return the stop rule; PlanError if it names a rule that is unknown."""
    if data is None:
        return None
    fields = dict(data)
    rule = fields.pop("rule")
    if rule != "explained_variance":
        raise PlanError(unknown_name("stop rule", rule, ("explained_variance",)))
    return ExplainedVariance(**fields)


def pretrain_plan() -> TransferPlan:
    """Return the plan without a source: everything fresh, one phase, everything trains."""
    parts = dict.fromkeys(PARTS, "reset")
    return TransferPlan(parts, (Phase("pretrain", dict.fromkeys(PARTS, 1.0)),))
