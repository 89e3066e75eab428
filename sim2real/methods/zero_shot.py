"""zero_shot: the source policy as it is. Every other method has to beat it.

Idea: worlds that are randomized widely enough include the target, so a policy that does well in all of them needs no
step there (Peng et al. 2018, arXiv 1710.06537).
Helps when target steps are impossible or too expensive, and as the return that all other methods start from. Hurts when
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
