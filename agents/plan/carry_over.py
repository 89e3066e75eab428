"""The beginning of a plan: what is kept comes from the source, what is reset stays fresh."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from ..errors import PlanError
from ..policy import parts
from ..policy.parts import Parted
from .plan import TransferPlan

__all__ = ["carry_over", "raise_exploration"]


def carry_over(policy: Parted, plan: TransferPlan, source: Mapping[str, torch.Tensor] | None) -> list[str]:
    """Load what `plan` keeps or freezes from `source` into a fresh policy; return the names of these tensors.

    Raises PlanError if the plan does not fit or there is no source for what it carries over, PartsError, with lists
    of what is missing, unexpected and mis-shaped, if the source does not fit.
    """
    plan.check(policy)
    units = parts.unit_names(policy)
    carried = {unit for unit in units if plan.action(unit) != "reset"}
    if carried and source is None:
        whole = [part for part in parts.part_names(policy) if carried & set(parts.unit_names(policy, (part,)))]
        raise PlanError(f"the plan carries {', '.join(whole)} over: it needs the tensors of a source")
    fresh = parts.tensors(policy)
    wanted = {name for name in fresh if _unit_of(name, units) in carried}
    resets = {name: tensor for name, tensor in fresh.items() if name not in wanted}
    offered = {
        name: tensor
        for name, tensor in (source or {}).items()
        if name not in resets and plan.action(name) in ("keep", "freeze")
    }
    parts.load(policy, {**resets, **offered})
    for name, tensor in parts.references(policy).items():
        if name.endswith("normalizer.count") and plan.action(name) == "keep":
            tensor.mul_(plan.statistics_weight)
    return sorted(wanted)


def _unit_of(name: str, units: tuple[str, ...]) -> str:
    """Return the unit that the tensor `name` belongs to."""
    return name if name in units else name.rpartition(".")[0]


def raise_exploration(
    policy: Parted, plan: TransferPlan, done: float, trains: Callable[[str], bool] = lambda part: True
) -> None:
    """Lift log_std and temperature to the plan's floor after the share `done` of a run, where kept and `trains`."""
    assert plan.exploration is not None
    for part in ("log_std", "temperature"):
        if part not in parts.part_names(policy):
            continue
        for name, tensor in parts.references(policy, (part,)).items():
            if plan.action(name) == "keep" and trains(part):
                with torch.no_grad():
                    tensor.clamp_(min=plan.exploration.log_floor(part, done))
