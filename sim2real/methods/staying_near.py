"""The plan that methods with a regulariser share: fine_tune after a critic warm-up, regularised towards the source."""

from __future__ import annotations

import agents

from .method import Target
from .warm_up import critic_warm_up

__all__ = ["staying_near_plan"]

_ALL = dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), 1.0)


def staying_near_plan(regulariser: agents.Regulariser, target: Target) -> agents.TransferPlan:
    """Return the plan: the critic is warmed up, then everything trains with `regulariser` in the loss."""
    fine_tune = agents.Phase("fine_tune", _ALL, regularisers=(regulariser,))
    return agents.TransferPlan(dict.fromkeys(_ALL, "keep"), (critic_warm_up(target), fine_tune))
