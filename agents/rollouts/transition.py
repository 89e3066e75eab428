"""One step of all worlds as arrays, and how to read it out of stable-baselines3's list of dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Transition", "transition_from_infos"]


@dataclass(slots=True)
class Transition:
    """What one step of `num_envs` worlds gave; worlds that ended have already been reset."""

    obs: NDArray[np.float32]  # (num_envs, obs_dim): of ended worlds, the first observation of the next episode
    reward: NDArray[np.float64]  # (num_envs,)
    terminated: NDArray[np.bool_]  # (num_envs,): the task ended; its value is 0 from here on
    truncated: NDArray[np.bool_]  # (num_envs,): a time limit cut it; its value is that of final_obs
    ended: NDArray[np.intp]  # (num_ended,): worlds that ended either way
    final_obs: NDArray[np.float32]  # (num_ended, obs_dim): the last observation of those episodes
    episodes: list[dict[str, float]] = field(default_factory=list)  # r, l, t of ended worlds that report it
    infos: dict[str, Any] = field(default_factory=dict)  # what the environment said besides

    @property
    def done(self) -> NDArray[np.bool_]:
        """Which worlds ended, (num_envs,)."""
        return self.terminated | self.truncated


def transition_from_infos(
    obs: NDArray[Any], reward: NDArray[Any], done: NDArray[Any], infos: Sequence[dict[str, Any]]
) -> Transition:
    """Read a Transition out of what any stable-baselines3 VecEnv's `step` returns.

    There an episode that a time limit cut has `TimeLimit.truncated` in its info, and the last observation of
    every ended one is under `terminal_observation`. Only the dictionaries of ended worlds are read.
    """
    done = np.asarray(done, bool)
    ended = np.flatnonzero(done)
    truncated = np.zeros(done.shape, bool)
    new_obs = np.array(obs, np.float32)
    final_obs = np.empty((len(ended), *new_obs.shape[1:]), np.float32)
    episodes = []
    for row, world in enumerate(ended.tolist()):
        info = infos[world]
        truncated[world] = bool(info.get("TimeLimit.truncated", False))
        final_obs[row] = info["terminal_observation"]
        if "episode" in info:
            episodes.append({key: float(info["episode"][key]) for key in ("r", "l", "t")})
    return Transition(new_obs, np.array(reward, np.float64), done & ~truncated, truncated, ended, final_obs, episodes)
