"""Method: a way to carry a policy over, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agents import TransferPlan

__all__ = ["Method"]


@dataclass(frozen=True)
class Method:
    """A transfer method.

    Attributes:
        summary: one line: what it does.
        plan: target budget in steps -> the plan.
        needs_source: whether it starts from a source agent; only `scratch` does not.
    """

    summary: str
    plan: Callable[[int], TransferPlan]
    needs_source: bool = True
