"""PolicyActor: a policy's mean actions in worlds that run, with the history it may need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy

from ..errors import AgentsError
from ..rollouts.groups import POLICY, RowBuilder

__all__ = ["PolicyActor", "choose_action"]


class PolicyActor:
    """Acts in `num_envs` worlds at once by a policy of any learner.

    The policy gets the rows that training would have made for it: the groups it reads, windows over every world's own
    episode. `privileged` is never among them, whatever worlds show: the policy acts as in the average world.
    """

    def __init__(self, policy: BasePolicy, num_envs: int) -> None:
        """Act by `policy`; its weights may change while this acts."""
        self._policy, self.num_envs = policy, num_envs
        self._rows = RowBuilder(policy.observation_space, num_envs, privileged=False)
        self._begun = np.zeros(num_envs, np.bool_)
        self._actions = np.zeros((num_envs, *(policy.action_space.shape or ())), np.float32)

    @property
    def remembers(self) -> bool:
        """Whether an action depends on earlier steps of the episode."""
        return self._rows.remembers

    def act(self, obs: Any, started: NDArray[np.bool_], deterministic: bool = True) -> NDArray[Any]:
        """Return an action (num_envs, action_dim), within the action space's bounds, in every world.

        `obs` are observations of the worlds themselves, (num_envs, obs_dim) or a dictionary of groups; `started`
        (num_envs,) says where they are the first of an episode. Call it once a step. It is the mean action, or drawn
        from the policy's distribution unless `deterministic`. Raises AgentsError if a world's first call does not start
        an episode.
        """
        if not self._begun.any():
            self._rows.begin(obs)
        self._begun |= started
        if not self._begun.all():
            raise AgentsError(f"worlds {np.flatnonzero(~self._begun).tolist()} act before an episode has started")
        self._rows.push(self._actions, obs)
        if started.any():
            ids = np.flatnonzero(started)
            self._rows.begin({name: array[ids] for name, array in _groups(obs).items()}, ids)
        self._actions = choose_action(self._policy, self._rows.rows(), deterministic)
        return self._actions.copy()


def choose_action(policy: BasePolicy, rows: NDArray[np.float32], deterministic: bool = True) -> NDArray[Any]:
    """Return what `BasePolicy.predict` returns for rows (N, dim), without its walk over all modules at every step."""
    space = policy.action_space
    assert isinstance(space, spaces.Box)
    if policy.training:
        policy.set_training_mode(False)
    with torch.inference_mode():
        found: NDArray[Any] = policy._predict(torch.from_numpy(rows).to(policy.device), deterministic).cpu().numpy()
    return policy.unscale_action(found) if policy.squash_output else np.clip(found, space.low, space.high)


def _groups(obs: Any) -> Mapping[str, NDArray[Any]]:
    return obs if isinstance(obs, Mapping) else {POLICY: np.asarray(obs)}
