"""PolicyActor: a policy's mean actions in worlds that run, with the history it may need."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy

from ..errors import AgentsError
from ..rollouts.history import WindowSpace

__all__ = ["PolicyActor"]


class PolicyActor:
    """Acts in `num_envs` worlds at once by a policy of any learner, deterministically.

    A policy that reads windows (its observation space is a WindowSpace) gets the ones that training would
    have shown it: every world's own episode, the actions those that were taken. One that reads world parameters is
    told none, whatever worlds these are: that is how it will be used.
    """

    def __init__(self, policy: BasePolicy, num_envs: int) -> None:
        """Act by `policy`; its weights may change while this acts."""
        self._policy = policy
        space = policy.observation_space
        self._window = space.window(num_envs) if isinstance(space, WindowSpace) else None
        self._begun = np.zeros(num_envs, np.bool_)
        self._actions = np.zeros((num_envs, *(policy.action_space.shape or ())), np.float32)

    def act(self, obs: NDArray[Any], started: NDArray[np.bool_]) -> NDArray[Any]:
        """Return the mean action (num_envs, action_dim), within the action space's bounds, in every world.

        `obs` (num_envs, obs_dim) are observations of the worlds themselves; `started` (num_envs,) says where
        they are the first of an episode. Call it once a step. Raises AgentsError if a world's first call does
        not start an episode.
        """
        self._begun |= started
        if not self._begun.all():
            raise AgentsError(f"worlds {np.flatnonzero(~self._begun).tolist()} act before an episode has started")
        inputs = np.asarray(obs, np.float32)
        if self._window is not None:
            self._window.push(self._actions, inputs)
            self._window.begin(inputs[started], np.flatnonzero(started))
            inputs = self._window.window()
        self._actions = self._mean_action(inputs)
        return self._actions.copy()

    def _mean_action(self, inputs: NDArray[np.float32]) -> NDArray[Any]:
        """Return what `BasePolicy.predict` returns, without its walk over all modules at every step."""
        policy, space = self._policy, self._policy.action_space
        assert isinstance(space, spaces.Box)
        if policy.training:
            policy.set_training_mode(False)
        with torch.inference_mode():
            found: NDArray[Any] = policy._predict(torch.from_numpy(inputs).to(policy.device), True).cpu().numpy()
        return policy.unscale_action(found) if policy.squash_output else np.clip(found, space.low, space.high)
