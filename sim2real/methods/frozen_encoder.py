"""frozen_encoder, the default: encoder frozen, both heads carried over, the critic warmed up before the policy moves.

Idea: a value head trained on the source misjudges the target, and its errors would push a good policy away in the
first updates. So the policy stands still while the value head learns the target's returns; then both heads train.
Sources: critic warm-up arXiv 2602.23804; frozen-policy steps before any update (WSRL) arXiv 2412.07762.
Helps when the source policy works somewhat on the target. Hurts when the target needs features the source never had.
"""

from __future__ import annotations

from agents import Bundle, ExplainedVariance, Phase, TransferPlan

from .method import Method, Target

__all__ = ["METHOD"]

# Until the value explains most of what varies in the target's returns; at least a tenth of the budget, because one
# rollout says little, and about a fifth at most, because the policy must learn too.
ENOUGH_EXPLAINED = 0.8
SMALLEST_SHARE, LARGEST_SHARE = 0.1, 0.2


def _plan(source: Bundle | None, target: Target) -> TransferPlan:
    floor, ceiling = int(SMALLEST_SHARE * target.steps), max(1, int(LARGEST_SHARE * target.steps))
    stop = ExplainedVariance(ENOUGH_EXPLAINED, min_steps=floor, max_steps=ceiling)
    return TransferPlan(
        {"encoder": "freeze", "policy_head": "keep", "value_head": "keep", "log_std": "keep"},
        (
            Phase("critic_warm_up", {"value_head": 1.0}, stop=stop),
            Phase("heads", {"policy_head": 1.0, "value_head": 1.0, "log_std": 1.0}),
        ),
    )


METHOD = Method("encoder frozen, heads carried over, critic warmed up before the policy moves", plan=_plan)
