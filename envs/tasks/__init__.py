"""Tasks: one environment a file."""

from .cartpole_swingup import CartpoleSwingup
from .half_cheetah import HalfCheetah
from .hopper import Hopper

__all__ = ["CartpoleSwingup", "HalfCheetah", "Hopper"]
