"""oracle: a fresh agent trained on the target with the source agent's settings and budget: what the target allows.

Idea: a yardstick, not a method. It spends as many target steps as the source agent spent source steps, usually ten
times the budget of any other method, so it is never compared at an equal budget. How close others come to it, and after
how many steps, measures transfer: asymptotic performance and time to threshold of Taylor and Stone 2009, JMLR 10,
1633-1685.
Helps where a target may allow less than the source does. Hurts, as a yardstick, where its own training goes wrong: to
reach a weak oracle shows little.
"""

from __future__ import annotations

import agents

from .method import Method

__all__ = ["METHOD"]

METHOD = Method(
    "a fresh agent on the target with the source's budget: a yardstick",
    plan=lambda source, target: agents.pretrain_plan(),
    needs_source=False,
    budget="source",
)
