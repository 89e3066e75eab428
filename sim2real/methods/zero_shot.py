"""zero_shot: the source policy as it is. What every other method has to beat.

Idea: worlds randomized widely enough have the target among them, so that a policy that does well in all of them needs
no step of it (Peng et al. 2018, arXiv 1710.06537).
Helps when target steps are impossible or too dear, and as the return that all others begin at or dip below. Hurts when
the target lies outside what was randomized: nothing on it is ever learnt.
"""

from __future__ import annotations

import agents

from .method import Method

__all__ = ["METHOD"]

METHOD = Method(
    "the source policy as it is; nothing trains",
    plan=lambda source, target: agents.TransferPlan(
        {"encoder": "freeze", "policy_head": "freeze", "value_head": "freeze", "log_std": "freeze"}
    ),
)
