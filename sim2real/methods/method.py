"""Method: a way to carry a policy over, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agents import Bundle, TransferPlan
from envs import Domain

__all__ = ["Method", "Target"]


@dataclass(frozen=True)
class Target:
    """Where an agent is carried to.

    Attributes:
        env: name of the environment.
        name: name of the target domain.
        domain: the domain itself.
        steps: what may be spent there, world-steps.
    """

    env: str
    name: str
    domain: Domain
    steps: int


@dataclass(frozen=True)
class Method:
    """A transfer method.

    Attributes:
        summary: one line: what it does.
        plan: source checkpoint (None if it needs none) and target -> the plan.
        needs_source: whether it starts from a source agent; only `scratch` does not.
    """

    summary: str
    plan: Callable[[Bundle | None, Target], TransferPlan]
    needs_source: bool = True
