"""Candidates: the methods that an agent's owner can choose among, which are those that advice is about."""

from __future__ import annotations

from ..config.config import RunConfig
from ..methods import METHODS, Method
from ..runs.teachers import is_teacher

__all__ = ["candidates"]


def candidates(config: RunConfig) -> dict[str, Method]:
    """Return name -> method of those that can carry a source agent pretrained by `config` over, at the target's budget.

    Left out are methods of other learners, yardsticks with a budget of their own (oracle), and methods that start from
    a teacher unless the agent is one: what comes of them comes of another source agent.
    """
    return {
        name: method
        for name, method in METHODS.items()
        if config.agent.algorithm in method.algorithms
        and method.budget == "target"
        and (is_teacher(config) or not method.needs_teacher)
    }
