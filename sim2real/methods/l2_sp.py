"""l2_sp: everything trains; the squared distance of encoder and policy head from the source's weights is a loss.

Idea: the starting point of fine-tuning is knowledge. Weight decay towards it, not towards zero, keeps what the target's
few samples do not contradict (L2-SP, Li et al. 2018, arXiv 1802.01483). The value head is left out: it has to learn
other returns, and its last layer is in a unit that changes. So is the noise. An encoder of the critic's own is
regularised like the policy's. Entries that only the target has (`space_map`) are regularised towards where they begin.
Helps when the budget is so small that fine-tuning overfits or forgets. Hurts when the target needs a distant policy:
all weights are pulled equally, those that must move and those that need not.
"""

from __future__ import annotations

import agents

from .method import Method
from .staying_near import staying_near_plan

__all__ = ["METHOD"]

WEIGHT = 0.01

METHOD = Method(
    "everything trains, near the source's weights",
    plan=lambda source, target: staying_near_plan(
        agents.Regulariser("l2_source", WEIGHT, {"parts": ["encoder", "policy_head"]}), target
    ),
)
