"""zero_shot: the source policy as it is. What every other method has to beat, and costs no target step."""

from __future__ import annotations

from agents import TransferPlan

from .method import Method

__all__ = ["METHOD"]

METHOD = Method(
    "the source policy as it is; nothing trains",
    plan=lambda source, target: TransferPlan(
        {"encoder": "freeze", "policy_head": "freeze", "value_head": "freeze", "log_std": "freeze"}
    ),
)
