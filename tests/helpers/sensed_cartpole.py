"""A cartpole whose observation has other entries, and the map that carries an agent there."""

from typing import Any

import numpy as np

from envs.tasks import CartpoleSwingup


class Sensed(CartpoleSwingup):
    """The cartpole with a pendulum's height more, and other names and another order of what it had."""

    @property
    def observation_names(self) -> tuple[str, ...]:
        return ("cos.hinge", "height", "sin.hinge", "position", "qvel.slider", "qvel.hinge")

    def observe(self, physics: Any) -> Any:
        own = super().observe(physics)
        return np.stack((own[:, 1], 5.0 + own[:, 1], own[:, 2], own[:, 0], own[:, 3], own[:, 4]), axis=1)


SENSED = "sensed_cartpole:Sensed"
MAP = {"observation": {"position": "qpos.slider", "*": "same_names"}}
