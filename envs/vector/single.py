"""SingleEnv: the one-world view of a DomainVectorEnv, as a gymnasium.Env."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import logger
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from ..domain.domain import Domain
from ..tasks.task import Task
from .arguments import require_no_rendering
from .observer import Shown
from .vector_env import DomainVectorEnv

__all__ = ["SingleEnv"]


class SingleEnv(gymnasium.Env[Shown, NDArray[np.floating]]):
    """One world; time limits are gymnasium's `TimeLimit`, as for any registered environment."""

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(
        self,
        task: Task,
        domain: Domain | None = None,
        *,
        render_mode: None = None,
        groups: Sequence[str] | None = None,
    ) -> None:
        """Build one world of `task` in `domain`.

        Raises:
            ArgumentError: for a `render_mode` other than None.
            EnvsError: as DomainVectorEnv.
        """
        require_no_rendering(render_mode)
        self.vector = DomainVectorEnv(
            task,
            domain,
            num_envs=1,
            num_threads=1,
            max_episode_steps=None,
            autoreset_mode=AutoresetMode.DISABLED,
            groups=groups,
        )
        self.render_mode = render_mode
        self._over = self._warned = False  # whether the episode is over, and whether it was warned of a step after that
        self.metadata = {**self.metadata, "render_fps": round(1 / self.vector.physics.ctrl_dt)}
        self.observation_space = self.vector.single_observation_space
        self.action_space = self.vector.single_action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Shown, dict[str, Any]]:
        """Start an episode in a newly drawn world; unseeded, the first is drawn from the system's entropy."""
        unseeded = self._np_random is None
        super().reset(seed=seed)
        if seed is None and unseeded:
            seed = int(self.np_random.integers(2**31))
        obs, infos = self.vector.reset(seed=seed)
        self._over, self._warned = False, False
        return _first(obs), _of_one(infos)

    def step(self, action: NDArray[np.floating]) -> tuple[Shown, float, bool, bool, dict[str, Any]]:
        """Advance by one control step; after the end of the episode the world stands still, with a warning."""
        if self._over and not self._warned:
            logger.warn(
                "step() is called although the episode is over: the world stands still, the reward is 0; call reset()"
            )
            self._warned = True
        obs, reward, terminated, truncated, infos = self.vector.step(np.asarray(action)[None])
        self._over |= bool(terminated[0] | truncated[0])
        return _first(obs), float(reward[0]), bool(terminated[0]), bool(truncated[0]), _of_one(infos)

    def close(self) -> None:
        """Close the world."""
        self.vector.close()


def _first(obs: Shown) -> Shown:
    return {name: array[0] for name, array in obs.items()} if isinstance(obs, dict) else obs[0]


def _of_one(infos: dict[str, Any]) -> dict[str, Any]:
    return {k: v[0].item() if v.ndim == 1 else v[0] for k, v in infos.items() if not k.startswith("_")}
