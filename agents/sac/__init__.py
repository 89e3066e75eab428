"""SAC: soft actor-critic over many worlds."""

from .policy import SacPolicy
from .sac import SAC
from .settings import SACSettings

__all__ = ["SAC", "SACSettings", "SacPolicy"]
