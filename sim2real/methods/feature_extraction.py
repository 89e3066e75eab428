"""feature_extraction: the encoder frozen, fresh heads.

Idea: features transfer, behaviour is learnt anew (Yosinski et al. 2014, arXiv 1411.1792).
Helps when the target needs other behaviour from the same sensors. Hurts when the source policy already works there: its
skill is thrown away, and the first returns are those of an untrained agent.
"""

from __future__ import annotations

import agents

from .method import Method

__all__ = ["METHOD"]

METHOD = Method(
    "encoder frozen, fresh heads",
    plan=lambda source, target: agents.TransferPlan(
        {"encoder": "freeze", "policy_head": "reset", "value_head": "reset", "log_std": "reset"},
        (agents.Phase("heads", {"policy_head": 1.0, "value_head": 1.0, "log_std": 1.0}),),
    ),
)
