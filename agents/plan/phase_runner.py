"""Where a learner stands in its plan: freezes what does not train, counts steps, proves what stood still."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from ..errors import CheckpointError, FrozenError, PlanError
from ..policy import parts
from ..policy.parts import Parted
from .budget import exact_steps_error
from .phase import Phase
from .plan import TransferPlan

__all__ = ["PhaseRunner", "require_exact_budgets"]


def require_exact_budgets(plan: TransferPlan, num_envs: int) -> None:
    """Raise PlanError if `num_envs` worlds cannot take the steps of a phase's budget exactly."""
    for phase in plan.phases:
        if phase.budget is not None and (problem := exact_steps_error(phase.budget, num_envs)):
            raise PlanError(f"phase {phase.name!r}: {problem}")


def _whole(state: Mapping[str, Any], key: str, most: int) -> int:
    """Return the whole number under `key`; CheckpointError unless it lies in 0 .. most."""
    value = state.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise CheckpointError(f"training state 'phases.{key}' is {value!r}: it must be a whole number of 0 to {most}")
    return value


class PhaseRunner:
    """Walks a policy through the phases of a plan.

    Within a phase every unit that does not train is frozen, whether the plan freezes it for good or it only
    waits: no gradient, no BatchNorm drift, no new statistics. Digests of the plan's frozen units are taken at
    the plan's start, those of waiting ones at the phase's start; both must still match when the phase ends.
    """

    def __init__(self, policy: Parted, plan: TransferPlan, num_envs: int) -> None:
        """Check the plan against the policy and enter its first phase. Raises PlanError."""
        plan.check(policy)
        require_exact_budgets(plan, num_envs)
        self._policy = policy
        self.plan = plan
        self.index = 0  # of the phase that runs; len(plan.phases) once all are over
        self.steps = 0  # taken in this phase
        self._frozen = [unit for unit in parts.unit_names(policy) if plan.action(unit) == "freeze"]
        self._digests = parts.digests(policy, self._frozen)
        self._enter()

    @property
    def phase(self) -> Phase | None:
        """The phase that runs, None once all are over."""
        return None if self.finished else self.plan.phases[self.index]

    @property
    def finished(self) -> bool:
        """Whether no phase is left; a zero-shot plan is finished from the start."""
        return self.index >= len(self.plan.phases)

    @property
    def rates(self) -> dict[str, float]:
        """Learning-rate scale of every unit that trains now."""
        if self.phase is None:
            return {}
        found = {unit: self.plan.rate(self.phase, unit) for unit in parts.unit_names(self._policy)}
        return {unit: rate for unit, rate in found.items() if rate is not None}

    def trains(self, name: str) -> bool:
        """Return whether the part or unit `name`, or any unit in it, trains now."""
        return any(unit == name or unit.startswith(f"{name}.") for unit in self.rates)

    @property
    def steps_left(self) -> int | None:
        """Steps until the phase ends whatever happens, None if nothing but the run's budget ends it."""
        most = None if self.phase is None else self.phase.most_steps
        return None if most is None else most - self.steps

    def _enter(self) -> None:
        """Freeze and unfreeze for the phase that runs now, and take digests of what waits."""
        trained = set(self.rates)
        units = parts.unit_names(self._policy)
        waiting = [unit for unit in units if unit not in trained and unit not in self._frozen]
        frozen = {unit: self._digests[unit] for unit in self._frozen}
        if self.finished:  # what waited is free again, what the plan froze is not
            parts.freeze_all_but(self._policy, waiting)
            self._digests = frozen
        else:
            parts.freeze_all_but(self._policy, trained)
            self._digests = {**frozen, **parts.digests(self._policy, waiting)}

    def verify(self) -> None:
        """Raise FrozenError, naming the units, if one that was to stay still has changed by a single bit."""
        now = parts.digests(self._policy, self._digests)
        moved = [unit for unit, digest in self._digests.items() if now[unit] != digest]
        if moved:
            where = "after the last phase" if self.phase is None else f"in phase {self.phase.name!r}"
            raise FrozenError(f"{where}, {', '.join(moved)} moved although the plan freezes it")

    def after_update(self, explained_variance: float, num_steps: int) -> bool:
        """Count an update's steps; return whether it ended the phase (the next one has then been entered)."""
        if self.phase is None:
            raise PlanError("all phases of the plan are over: there is nothing left to train")
        self.steps += num_steps
        if not self.phase.over(explained_variance, self.steps):
            return False
        self.verify()
        self.index, self.steps = self.index + 1, 0
        self._enter()
        return True

    def get_state(self) -> dict[str, Any]:
        """Return the plan and the position in it as JSON."""
        return {
            "plan": self.plan.to_json(),
            "index": self.index,
            "steps": self.steps,
            "held": dict(self._digests),
        }

    @classmethod
    def from_state(cls, policy: Parted, num_envs: int, state: Mapping[str, Any]) -> Self:
        """Continue from what `get_state` returned, on a policy with the weights of that moment.

        Raises FrozenError if the policy's frozen parts are not those the plan started with.
        """
        runner = cls(policy, TransferPlan.from_json(state["plan"]), num_envs)
        runner.index, runner.steps = _whole(state, "index", len(runner.plan.phases)), _whole(state, "steps", 2**62)
        runner._enter()
        runner._digests = dict(state["held"])
        runner.verify()
        return runner
