"""AGENTS: the learners by name, and how they are built; one is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .networks.lookup import look_up

if TYPE_CHECKING:
    import torch

    from .learning.learner import Learner

__all__ = ["AGENTS", "AgentRow", "check_settings", "make_agent"]


@dataclass(frozen=True)
class AgentRow:
    """One row of AGENTS.

    Attributes:
        room: folder of this package that has the learner.
        learner: name of its class there.
        settings_name: name of the class of its settings there.
        description: one line on what it is.
    """

    room: str
    learner: str
    settings_name: str
    description: str

    @property
    def cls(self) -> type[Any]:
        """The learner's class, a Learner."""
        return self._of_room(self.learner)

    @property
    def settings(self) -> type[Any]:
        """The class of its settings."""
        return self._of_room(self.settings_name)

    def _of_room(self, name: str) -> type[Any]:
        found: type[Any] = getattr(import_module(f".{self.room}", __package__), name)
        return found


AGENTS: dict[str, AgentRow] = {
    "ppo": AgentRow("ppo", "PPO", "PPOSettings", "proximal policy optimisation, on-policy, arrays of many worlds"),
    "sac": AgentRow(
        "sac", "SAC", "SACSettings", "soft actor-critic, off-policy, an ensemble of critics, a replay of many worlds"
    ),
}


def make_agent(
    name: str,
    env: Any,
    *,
    settings: Any = None,
    seed: int,
    device: torch.device | str = "auto",
) -> Learner:
    """Build the learner called `name` for `env` (a gymnasium VectorEnv, or what stable-baselines3 accepts).

    `settings` is plain data or the row's settings class. Raises AgentsError with the valid names on an
    unknown one.
    """
    learner: Learner = look_up("agent", name, AGENTS).cls(env, settings, seed=seed, device=device)
    return learner


def check_settings(name: str, settings: Mapping[str, Any]) -> int:
    """Check plain settings of the learner called `name`; AgentsError as in `make_agent`.

    Returns how many steps it takes before its first update, where the settings say so; else 0.
    """
    return int(getattr(look_up("agent", name, AGENTS).settings.from_mapping(settings), "learning_starts", 0))
