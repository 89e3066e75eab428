"""frozen_encoder, the default of PPO: encoder frozen, both heads kept, the critic warmed up before the policy moves.

Idea: a value head trained on the source misjudges the target, and its errors would push a good policy away in the first
updates. So the policy waits while the value head learns the target's returns. Then both heads train, the policy's at
0.3 of the learning rate.
Sources: critic warm-up arXiv 2602.23804; frozen-policy steps before any update (WSRL) arXiv 2412.07762.
Helps when the source policy works somewhat on the target. Hurts when the target needs features the source never had.
"""

from __future__ import annotations

import agents

from .kept_heads import train_kept_heads
from .method import Method, Target
from .warm_up import critic_warm_up

__all__ = ["METHOD"]


def _plan(source: agents.Bundle | None, target: Target) -> agents.TransferPlan:
    return agents.TransferPlan(
        {"encoder": "freeze", "policy_head": "keep", "value_head": "keep", "log_std": "keep"},
        (critic_warm_up(target), train_kept_heads()),
    )


METHOD = Method("encoder frozen, heads carried over, critic warmed up before the policy moves", plan=_plan)
