"""Method: a way to carry a policy over, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import agents

from ..errors import UserError

if TYPE_CHECKING:
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
        num_envs: worlds that collect; a phase of a fixed length lasts a multiple of it.
    """

    env: str
    name: str
    domain: Domain
    steps: int
    num_envs: int = 1


@dataclass(frozen=True)
class Method:
    """A transfer method.

    Attributes:
        summary: one line: what it does.
        plan: source checkpoint (None if it needs none) and target -> the plan.
        needs_source: whether it starts from a source agent; `scratch` and `oracle` do not.
        needs_source_worlds: whether worlds of the source are wanted while it trains; their steps are counted apart.
        needs_teacher: whether its source agent must have read the parameters of its worlds.
        budget: whose steps it may spend on the target: the target's, or as many as the source agent had.
        algorithms: learners it can be carried out by, names in AGENTS.
        settings: of the learner, over those the configuration has for the target: what makes the method what it is.
    """

    summary: str
    plan: Callable[[agents.Bundle | None, Target], agents.TransferPlan]
    needs_source: bool = True
    needs_source_worlds: bool = False
    needs_teacher: bool = False
    budget: Literal["target", "source"] = "target"
    algorithms: tuple[str, ...] = ("ppo", "sac")
    settings: Mapping[str, Any] = field(default_factory=dict)

    def require_algorithm(self, name: str, algorithm: str) -> None:
        """Check that this method, called `name`, can be carried out by the learner `algorithm`.

        Raises:
            UserError: naming both, and the learners it can be carried out by.
        """
        if algorithm not in self.algorithms:
            raise UserError(
                f"method {name}: cannot be carried out by agent.algorithm {algorithm!r}; "
                f"valid: {', '.join(self.algorithms)}"
            )
