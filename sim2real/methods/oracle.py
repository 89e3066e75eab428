"""oracle: a fresh agent trained on the target with the source agent's settings and budget: what the target allows.

A yardstick, not a method: it spends as many target steps as the source agent spent source steps, usually ten times
what any other method gets, so it is never compared at an equal budget. How near to it others come, and after how
many steps, says what transfer is worth.
"""

from __future__ import annotations

from agents import pretrain_plan

from .method import Method

__all__ = ["METHOD"]

METHOD = Method(
    "a fresh agent on the target with the source's budget: a yardstick",
    plan=lambda source, target: pretrain_plan(),
    needs_source=False,
    budget="source",
)
