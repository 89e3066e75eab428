"""wsrl: SAC collects on the target with the policy as it is, and only then does everything train; no source data.

Idea: the knowledge of the source's critic is lost when the first updates see only a handful of target transitions. A
few thousand steps of the unchanged policy before any update give the critic enough of the target to be corrected from,
and no transition of the source has to be kept (WSRL, Zhou et al. 2024, arXiv 2412.07762, who take 5,000 steps). Here it
is that or a tenth of the budget, if that is less. The paper goes on with ten critics and four updates a step; here both
are as configured for the source agent and the target.
Helps when the source's critic and policy are good, and the source's data is gone or too much. Hurts when the source
policy fails on the target: the first steps are spent on failing, and the replay is full of it.
"""

from __future__ import annotations

import agents

from .method import Method, Target

__all__ = ["METHOD", "whole_steps"]

MOST_STEPS, SHARE = 5000, 0.1  # of the target's budget

_ALL = dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), 1.0)


def whole_steps(target: Target, most: int = MOST_STEPS) -> int:
    """Return a tenth of the budget, at most `most`, in whole steps of all worlds that collect, one at least."""
    return max(1, min(most, int(SHARE * target.steps)) // target.num_envs) * target.num_envs


METHOD = Method(
    "SAC: steps with the policy as it is before any update, then everything trains; no source data",
    plan=lambda source, target: agents.TransferPlan(
        dict.fromkeys(_ALL, "keep"),
        (agents.Phase("collect", {}, budget=whole_steps(target)), agents.Phase("all", _ALL)),
    ),
    algorithms=("sac",),
)
