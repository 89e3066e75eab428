"""What a plan wants of a learner and of the source, checked before anything changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Protocol

import torch
from stable_baselines3.common.vec_env import VecEnv

from ..errors import PlanError
from .phase_runner import require_exact_budgets
from .plan import TransferPlan
from .regularisers import Penalties
from .surgery import require_whole

__all__ = ["require_possible"]


class _Learner(Protocol):
    """What checking needs of a learner."""

    takes_penalties: ClassVar[bool]  # whether its updates can be regularised towards the source
    takes_source_data: ClassVar[bool]  # whether it learns from the source's transitions too
    takes_average: ClassVar[bool]  # whether an average of its policies can act
    env: VecEnv
    n_envs: int


def require_possible(
    plan: TransferPlan,
    learner: _Learner,
    source_tensors: Mapping[str, torch.Tensor] | None,
    source_worlds: VecEnv | None,
) -> None:
    """Raise PlanError if `learner` cannot carry out `plan` with what there is of the source, or none of it.

    Args:
        plan: what is to be carried out.
        learner: who shall.
        source_tensors: the source's, by checkpoint names; None without a source.
        source_worlds: worlds of the source; None if none were given.
    """
    require_whole(source_tensors or ())
    name = type(learner).__name__
    if not learner.takes_penalties and any(phase.regularisers for phase in plan.phases):
        raise PlanError(f"the plan's regularisers would have no effect: {name} knows none")
    if plan.average is not None and not learner.takes_average:
        raise PlanError(f"the plan wants an average of policies to act: {name} keeps none")
    if plan.source_data is not None:
        if not learner.takes_source_data:
            raise PlanError(f"the plan wants transitions of the source: {name} has no use for them")
        plan.source_data.check(source_tensors, source_worlds, learner.env)
    for phase in plan.phases:
        Penalties.check(phase.regularisers, source_tensors, source_worlds, learner.env)
    require_exact_budgets(plan, learner.n_envs)
