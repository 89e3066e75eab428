"""actor_only: the policy carried over with a fresh value head, with a fresh encoder of its own if it had one; all
trains at once.

Idea: the policy transfers, and a value head is quickly learnt. It is the control for the critic warm-up: the plan of
frozen_encoder but for the critic. Source: Kernbach et al. 2026, arXiv 2602.23804, who pretrain actor and critic and
find a sample efficiency 30.9 % above that of the actor alone, whose skill a fresh critic undoes first.
Helps when the target's rewards differ from the source's, so that the source's values mislead. Hurts a good policy in
the first updates.
"""

from __future__ import annotations

import agents

from .kept_heads import train_kept_heads
from .method import Method

__all__ = ["METHOD"]

METHOD = Method(
    "encoder frozen, policy carried over, a fresh critic and no warm-up",
    plan=lambda source, target: agents.TransferPlan(
        {
            "encoder": "freeze",
            "policy_head": "keep",
            "value_encoder": "reset",
            "value_head": "reset",
            "log_std": "keep",
        },
        (agents.Phase("heads", {**train_kept_heads().trains, "value_encoder": 1.0}),),
    ),
)
