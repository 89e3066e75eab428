"""What encoders that read a window over the last steps have in common: its slots, normalised."""

from __future__ import annotations

import torch
from gymnasium import spaces

from ...errors import AgentsError
from ...rollouts.history import WindowSpace
from .encoder import Encoder

__all__ = ["WindowEncoder"]


class WindowEncoder(Encoder):
    """Base of encoders that read windows (see WindowSpace); the window is the observation, so they have no state.

    Observations are normalised by one set of statistics whatever slot they stand in, actions by their bounds to
    [-1, 1].
    """

    def __init__(self, observation_space: spaces.Space[object], length: int, features_dim: int) -> None:
        """Build the normaliser for windows of `length`. AgentsError if observations are no such windows."""
        space = self.require_windows(observation_space, length)
        super().__init__(space, features_dim, statistics_dim=space.obs_dim)
        self._slot = [space.obs_dim, space.action_dim, 1]
        low, high = torch.from_numpy(space.action_low), torch.from_numpy(space.action_high)
        bounded = torch.isfinite(low) & torch.isfinite(high) & (high > low)
        # no buffers: they say what the actions of these worlds are, not what was learned from them
        self._action_center = torch.where(bounded, (low + high) / 2, 0.0)
        self._action_half_range = torch.where(bounded, (high - low) / 2, 1.0)

    @staticmethod
    def require_windows(observation_space: spaces.Space[object], length: int) -> WindowSpace:
        """Return the space of windows of `length`; AgentsError if it is another space."""
        if not isinstance(observation_space, WindowSpace):
            raise AgentsError(
                f"a history encoder reads windows over {length} steps, not single observations {observation_space}: "
                f"give the learner a gymnasium VectorEnv, or VectorAdapter(env, history={length})"
            )
        if observation_space.length != length:
            raise AgentsError(f"encoder.length is {length}, its windows have {observation_space.length} steps")
        return observation_space

    def slots(self, windows: torch.Tensor) -> torch.Tensor:
        """Return windows (N, D) as slots (N, length, slot_dim), oldest first."""
        return windows.reshape(len(windows), -1, sum(self._slot))

    def newest(self, slots: torch.Tensor) -> torch.Tensor:
        """Return the newest observation (N, obs_dim) of slots (N, length, slot_dim)."""
        return slots[:, -1, : self._slot[0]]

    def normalize(self, obs: torch.Tensor) -> torch.Tensor:
        """Return windows (N, D) with observations and actions normalised, float32, empty slots zero."""
        seen, actions, valid = torch.split(self.slots(obs.float()), self._slot, dim=-1)
        actions = (actions - self._action_center.to(obs.device)) / self._action_half_range.to(obs.device)
        return (torch.cat([self.normalizer(seen), actions, valid], dim=-1) * valid).flatten(1)

    def update_statistics(self, obs: torch.Tensor) -> None:
        """Merge the newest observation of each window (N, D): consecutive windows count every one once."""
        self.normalizer.update(self.newest(self.slots(obs)))
