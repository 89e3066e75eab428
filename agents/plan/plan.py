"""A transfer as data: what becomes of every part, and in which order which parts train."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, Self

from ..errors import PlanError, is_number, unknown_name
from ..policy.parts import Parted, count, part_names, unit_names
from ..policy.patterns import PARTS, ancestors, best_pattern, specificity
from ..policy.policy_average import PolicyAverage
from .adaptation import Adaptation
from .exploration import Exploration
from .phase import Phase, require_pattern
from .regularisers import REGULARISERS
from .source_data import SourceData
from .surgery import Surgery

__all__ = ["ACTIONS", "PlanRow", "TransferPlan", "pretrain_plan"]

ACTIONS = {
    "keep": "carried over, may train",
    "reset": "fresh, may train",
    "freeze": "carried over, parameters and buffers stay as they are",
}
_FORMER = "fresh_optimizer", "restart_schedule"  # what plans of 0.3 could switch off
_OPTIONAL: dict[str, type[Any]] = {  # fields of a plan that may be None
    "surgery": Surgery,
    "exploration": Exploration,
    "source_data": SourceData,
    "adaptation": Adaptation,
    "average": PolicyAverage,
}
_WORDS = {"keep": "kept", "reset": "reset", "freeze": "frozen"}


class PlanRow(NamedTuple):
    """One row of a plan's table: a part, or a unit where its units differ; what becomes of it, size, rates."""

    part: str
    action: str  # kept | reset | frozen; of an encoder whose group the target does not show, also what it reads then
    parameters: int
    rates: dict[str, float | None]  # phase name -> scale, None where the part stays still


@dataclass(frozen=True)
class TransferPlan:
    """For every part keep, reset or freeze, and an ordered tuple of phases; zero-shot if there is none.

    `parts` maps patterns to ACTIONS: a part (`encoder`), a layer (`encoder.layers.0`), or a glob (`critic.*`); where
    several name a unit, the most specific counts. A part that none names follows its counterpart (see
    `patterns.COUNTERPARTS`), so that a plan is written once for all learners.

    Attributes:
        parts: pattern -> action.
        phases: what trains when.
        surgery: a change of architecture once the source is loaded.
        exploration: a floor under the exploration of what is kept, Exploration's own unless given; None: none.
        source_data: what is wanted of the source's worlds meanwhile.
        adaptation: what an rma encoder's student learns in the source's worlds before the first phase.
        average: what takes the mean actions, in evaluation and ever after, is a slow copy of the policy head, which
            follows it so; None: it is the head itself.
        reset_return_scale: True: the unit of a value head that is kept is measured on the target alone; what the head
            says, in units of reward, does not change thereby (Pop-Art, van Hasselt et al. 2016, arXiv 1602.07714).
            From then on the unit follows the target's returns, as it did the source's.
            Critics of SAC have no such unit: there it changes nothing.
        statistics_weight: how much each observation of the source counts in the statistics of a normaliser that is
            kept, beside one of the target. 1: as much; they hardly move then, a source has seen millions.
    """

    parts: Mapping[str, str]
    phases: tuple[Phase, ...] = field(default=())
    surgery: Surgery | None = None
    exploration: Exploration | None = field(default_factory=Exploration)
    source_data: SourceData | None = None
    adaptation: Adaptation | None = None
    average: PolicyAverage | None = None
    reset_return_scale: bool = True
    statistics_weight: float = 1.0

    def __post_init__(self) -> None:
        """Raise PlanError on unknown names, phases of the same name, and endless phases before others."""
        if not is_number(self.statistics_weight) or not 0 < self.statistics_weight <= 1:
            raise PlanError(f"statistics_weight is {self.statistics_weight!r}: it must lie in (0, 1]")
        if not isinstance(self.reset_return_scale, bool):
            raise PlanError(f"reset_return_scale is {self.reset_return_scale!r}: it must be true or false")
        for pattern, action in self.parts.items():
            require_pattern(pattern)
            if not isinstance(action, str) or action not in ACTIONS:
                raise PlanError(f"part {pattern!r}: {unknown_name('action', action, ACTIONS)}")
        object.__setattr__(self, "phases", tuple(self.phases))
        self._check_phases()

    def _check_phases(self) -> None:
        """Raise PlanError where phases contradict each other or the rest of the plan."""
        names = [phase.name for phase in self.phases]
        if len(set(names)) != len(names):
            raise PlanError(f"phases {names}: every phase needs a name of its own")
        if self.adaptation is not None and self.source_data is not None:
            raise PlanError(
                "adaptation is taught in worlds of the source that show their parameters, source_data is stepped in "
                "the same worlds and must not see any: a plan can have one of the two"
            )
        if self.average is not None and self.surgery is not None:
            raise PlanError("average is of the policy head alone, surgery adds to it: a plan can have one of the two")
        for phase in self.phases:
            for pattern in phase.trains:
                if self.action(pattern) == "freeze":
                    raise PlanError(f"part {pattern!r} is frozen, but phase {phase.name!r} trains it: keep it instead")
            for kind in (row.kind for row in phase.regularisers if REGULARISERS[row.kind].needs_worlds):
                if self.source_data is not None:
                    raise PlanError(
                        f"phase {phase.name!r}: regulariser {kind!r} measures the source in the worlds that "
                        "source_data steps on: a plan can have one of the two"
                    )
        for phase in self.phases[:-1]:
            if phase.most_steps is None:
                raise PlanError(f"phase {phase.name!r} never ends: it needs a budget or a stop rule, as others follow")

    def action(self, unit: str) -> str | None:
        """Return what becomes of a part or unit, None if the plan does not say."""
        pattern = best_pattern(unit, self.parts)
        return None if pattern is None else self.parts[pattern]

    def rate(self, phase: Phase, unit: str) -> float | None:
        """Return the learning-rate scale of a unit in `phase`, None where it does not train.

        A layer that is frozen by name stays so in a phase that trains what it lies in; PlanError if the phase names it
        as exactly.
        """
        rate = phase.rate(unit)
        if rate is None or self.action(unit) != "freeze":
            return rate
        frozen, trained = best_pattern(unit, self.parts), best_pattern(unit, phase.trains)
        if specificity(str(trained)) >= specificity(str(frozen)):
            raise PlanError(f"{unit!r} is frozen, but phase {phase.name!r} trains it: keep it instead")
        return None

    def check(self, policy: Parted) -> None:
        """Raise PlanError if the plan leaves a unit open, names what the policy lacks, or contradicts itself."""
        units = unit_names(policy)
        for unit in units:
            if self.action(unit) is None:
                raise PlanError(f"the plan does not say what becomes of {unit!r}: {', '.join(ACTIONS)}")
        if self.average is not None:
            rates = {unit: {phase.name: self.rate(phase, unit) for phase in self.phases} for unit in units}
            self.average.check({unit: (self.action(unit), rates[unit]) for unit in units})
        _require_found("parts", self.parts, policy)
        for phase in self.phases:
            _require_found(f"phase {phase.name!r}", phase.trains, policy)
            for row in phase.regularisers:
                where = f"phase {phase.name!r}, parts of regulariser {row.kind!r}"
                _require_found(where, row.options.get("parts", ()), policy)
            trained = [unit for unit in units if self.rate(phase, unit) is not None]
            if phase.trains and not trained:
                raise PlanError(f"phase {phase.name!r} trains {list(phase.trains)}, which are empty in this policy")

    def table(self, policy: Parted) -> list[PlanRow]:
        """Return a row for every part of the policy, one for every unit where those differ; PlanError as `check`.

        The encoder of an observation group that these worlds do not show has a row of its own.
        """
        self.check(policy)
        absent = getattr(getattr(policy, "observation_space", None), "absent", {})
        rows: list[PlanRow] = []
        for part in part_names(policy):
            units = unit_names(policy, (part,))
            hidden = {f"{part}.{group}": group for group in absent}
            rows += self._rows(policy, part, [unit for unit in units if not _lies_in(unit, hidden)])
            for name, group in hidden.items():
                for row in self._rows(policy, name, [unit for unit in units if _lies_in(unit, (name,))]):
                    rows.append(row._replace(action=f"{row.action}; {group} is not shown: its mean is read"))
        return rows

    def _rows(self, policy: Parted, name: str, units: list[str]) -> list[PlanRow]:
        """Return a row called `name` for all `units` if they are alike, else one for each."""
        if not units:
            return []
        rows = [self._row(policy, unit) for unit in units]
        alike = all(row.action == rows[0].action and row.rates == rows[0].rates for row in rows)
        return [rows[0]._replace(part=name, parameters=count(policy, *units))] if alike else rows

    def _row(self, policy: Parted, unit: str) -> PlanRow:
        rates = {phase.name: self.rate(phase, unit) for phase in self.phases}
        return PlanRow(unit, _WORDS[str(self.action(unit))], count(policy, unit), rates)

    def to_json(self) -> dict[str, Any]:
        """Return plain data (dicts, lists, strings, numbers) that `from_json` reads back as an equal plan."""
        return {
            "parts": dict(self.parts),
            "phases": [phase.to_json() for phase in self.phases],
            "surgery": self.surgery and asdict(self.surgery),
            "exploration": self.exploration and asdict(self.exploration),
            "source_data": self.source_data and asdict(self.source_data),
            "adaptation": self.adaptation and asdict(self.adaptation),
            "average": self.average and asdict(self.average),
            "reset_return_scale": self.reset_return_scale,
            "statistics_weight": self.statistics_weight,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Build from what `to_json` returned; PlanError on anything else."""
        try:
            fields = dict(data)
            _drop_former(fields)
            fields["phases"] = tuple(Phase.from_json(row) for row in fields["phases"])
            for name, kind in _OPTIONAL.items():
                if fields.get(name) is not None:
                    fields[name] = kind(**fields[name])
            return cls(dict(fields.pop("parts")), **fields)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise PlanError(f"not a plan: {type(error).__name__}: {error}") from error


def _drop_former(fields: dict[str, Any]) -> None:
    """Drop the switches that plans of 0.3 had and no method used; PlanError where one asks for what is gone."""
    for name in _FORMER:
        if fields.pop(name, True) is not True:
            raise PlanError(f"{name} is false: plans no longer go on with a source's optimizer or schedule")


def _lies_in(unit: str, names: Iterable[str]) -> bool:
    return bool(set(ancestors(unit)) & set(names))


def _require_found(where: str, patterns: Iterable[str], policy: Parted) -> None:
    """Raise PlanError on a pattern that names nothing in a policy that has the part it begins with."""
    units, names = unit_names(policy), part_names(policy)
    used = {best_pattern(unit, [pattern]) for pattern in patterns for unit in units}
    for pattern in patterns:
        first = pattern.split(".")[0]
        absent = first in PARTS and first not in names
        if pattern not in used and not absent:
            raise PlanError(f"{where}: {unknown_name('unit', pattern, (*names, *units))}")


def pretrain_plan() -> TransferPlan:
    """Return the plan without a source: everything fresh, one phase, everything trains."""
    return TransferPlan(dict.fromkeys(PARTS, "reset"), (Phase("pretrain", dict.fromkeys(PARTS, 1.0)),))
