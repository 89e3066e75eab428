"""scratch: a fresh agent trained on the target alone, at the same budget. A method that does worse has hurt.

Idea: the agent without transfer, the baseline of every comparison (Taylor and Stone 2009, JMLR 10, 1633-1685).
Helps when the source misleads. Hurts when it does not: everything that the source agent knows has to be learnt again
from a small budget.
"""

from __future__ import annotations

import agents

from .method import Method

__all__ = ["METHOD"]

METHOD = Method(
    "a fresh agent, target steps only", plan=lambda source, target: agents.pretrain_plan(), needs_source=False
)
