"""frozen_encoder, the default: encoder frozen, both heads carried over, the critic warmed up before the policy moves.

Idea: a value head trained on the source misjudges the target, and its errors would push a good policy away in the
first updates. So the policy stands still while the value head learns the target's returns; then both heads train.
Sources: critic warm-up arXiv 2602.23804; frozen-policy steps before any update (WSRL) arXiv 2412.07762.
Helps when the source policy works somewhat on the target. Hurts when the target needs features the source never had.
"""

from __future__ import annotations

from agents import ExplainedVariance, Phase, TransferPlan

from .method import Method

__all__ = ["METHOD"]

# The value explains most of what varies in the target's returns; never more than a fifth of the budget goes into it.
ENOUGH_EXPLAINED = 0.7
LARGEST_SHARE = 0.2


def _plan(budget: int) -> TransferPlan:
    ceiling = max(1, int(LARGEST_SHARE * budget))
    stop = ExplainedVariance(ENOUGH_EXPLAINED, min_steps=0, max_steps=ceiling)
    return TransferPlan(
        {"encoder": "freeze", "policy_head": "keep", "value_head": "keep", "log_std": "keep"},
        (
            Phase("critic_warm_up", {"value_head": 1.0}, stop=stop),
            Phase("heads", {"policy_head": 1.0, "value_head": 1.0, "log_std": 1.0}),
        ),
    )


METHOD = Method("encoder frozen, heads carried over, critic warmed up before the policy moves", plan=_plan)
