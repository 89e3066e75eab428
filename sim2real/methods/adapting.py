"""The plan that all methods with a surgery share: the source stands still, what is added beside it trains."""

from __future__ import annotations

import agents

from .method import Target
from .warm_up import critic_warm_up

__all__ = ["adapting_plan"]


def adapting_plan(surgery: agents.Surgery, target: Target) -> agents.TransferPlan:
    """Return the plan: a critic warm-up, then value head, noise and adapters train."""
    return agents.TransferPlan(
        {"encoder": "freeze", "policy_head": "freeze", "value_head": "keep", "log_std": "keep", "adapters": "reset"},
        (critic_warm_up(target), agents.Phase("adapters", {"adapters": 1.0, "value_head": 1.0, "log_std": 1.0})),
        surgery=surgery,
    )
