"""The first phase of methods that keep the source policy: the critic learns the target, the policy stands still."""

from __future__ import annotations

import agents

from .method import Target

__all__ = ["critic_warm_up", "longest_warm_up"]

# Until the value explains most of what varies in the target's returns; at least a tenth of the budget, because one
# rollout says little, and about a fifth at most, because the policy must learn too.
ENOUGH_EXPLAINED = 0.8
SMALLEST_SHARE, LARGEST_SHARE = 0.1, 0.2


def longest_warm_up(target: Target) -> int:
    """Return the steps after which the warm-up ends at the first update, whatever the critic has learnt."""
    return max(1, int(LARGEST_SHARE * target.steps))


def critic_warm_up(target: Target) -> agents.Phase:
    """Return the phase in which the value head alone trains, until it explains the target's returns.

    A value head trained on the source misjudges the target, and its errors would push a good policy away in the first
    updates. Sources: critic warm-up arXiv 2602.23804; frozen-policy steps before any update (WSRL) arXiv 2412.07762.
    """
    floor = int(SMALLEST_SHARE * target.steps)
    stop = agents.ExplainedVariance(ENOUGH_EXPLAINED, min_steps=floor, max_steps=longest_warm_up(target))
    return agents.Phase("critic_warm_up", {"value_head": 1.0}, stop=stop)
