"""PPO: proximal policy optimisation over many worlds."""

from .policy import AgentPolicy
from .ppo import PPO
from .settings import PPOSettings

__all__ = ["PPO", "AgentPolicy", "PPOSettings"]
