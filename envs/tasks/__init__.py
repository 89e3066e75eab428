"""Tasks: one environment a file."""

from .ant import Ant
from .cartpole_swingup import CartpoleSwingup
from .half_cheetah import HalfCheetah
from .hopper import Hopper
from .humanoid import Humanoid
from .humanoid_standup import HumanoidStandup
from .inverted_double_pendulum import InvertedDoublePendulum
from .inverted_pendulum import InvertedPendulum
from .pusher import Pusher
from .quadruped import Quadruped
from .reacher import Reacher
from .swimmer import Swimmer
from .walker2d import Walker2d

__all__ = [
    "Ant",
    "CartpoleSwingup",
    "HalfCheetah",
    "Hopper",
    "Humanoid",
    "HumanoidStandup",
    "InvertedDoublePendulum",
    "InvertedPendulum",
    "Pusher",
    "Quadruped",
    "Reacher",
    "Swimmer",
    "Walker2d",
]
