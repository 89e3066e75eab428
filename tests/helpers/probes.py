"""Tiny worlds with values known in closed form: what a learner gets wrong, it gets wrong here first."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv

__all__ = [
    "SMALL",
    "ActionReward",
    "ConstantReward",
    "LinearWorld",
    "OneStep",
    "Probe",
    "RandomObs",
    "TwoSteps",
    "make_policy_env",
]

# Settings of a learner that is as small as one can be while every part is there.
SMALL: dict[str, Any] = {
    "encoder": {"widths": [8]},
    "policy_head": [8],
    "value_head": [8],
    "num_steps": 8,
    "batch_size": 32,
    "num_epochs": 2,
}


class Probe(VectorEnv[Any, Any, Any]):
    """Base: an episode of `limit` steps at most; subclasses say what is seen and what it pays.

    `terminates`: whether the end is the task's own (terminated) or a time limit (truncated).
    """

    obs_dim, action_dim, limit, terminates = 1, 1, 1, True

    def __init__(self, num_envs: int = 8, seed: int = 0) -> None:
        self.num_envs = num_envs
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.render_mode = None
        self.single_observation_space = spaces.Box(-np.inf, np.inf, (self.obs_dim,), np.float64)
        self.single_action_space = spaces.Box(-1.0, 1.0, (self.action_dim,), np.float32)
        self.observation_space = spaces.Box(-np.inf, np.inf, (num_envs, self.obs_dim), np.float64)
        self.action_space = spaces.Box(-1.0, 1.0, (num_envs, self.action_dim), np.float32)
        self._bits = np.random.Philox(seed)
        self.rng = np.random.Generator(self._bits)
        self.time = np.zeros(num_envs, np.int64)
        self.state = np.zeros((num_envs, self.obs_dim))
        self.num_resets = 0

    def begin(self, ids: np.ndarray) -> None:
        """Set `state` of worlds at the start of an episode."""
        self.state[ids] = 0.0

    def advance(self, actions: np.ndarray) -> np.ndarray:
        """Move `state` on and return the rewards (num_envs,)."""
        raise NotImplementedError

    def over(self) -> np.ndarray:
        """Which worlds terminate now, besides those at the limit."""
        return np.zeros(self.num_envs, bool)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        if seed is not None:
            self._bits = np.random.Philox(seed)
            self.rng = np.random.Generator(self._bits)
        self.num_resets += 1
        self.time[:] = 0
        self.begin(np.arange(self.num_envs))
        return self.state.copy(), {}

    def step(self, actions: np.ndarray) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        assert np.all(np.abs(actions) <= 1.0)
        reward = self.advance(np.asarray(actions, np.float64))
        self.time += 1
        late = self.time >= self.limit
        terminated = self.over() | (late & self.terminates)
        truncated = late & (not self.terminates)
        infos: dict[str, Any] = {}
        ended = np.flatnonzero(terminated | truncated)
        if ended.size:
            infos = {"final_obs": self.state.copy(), "_final_obs": terminated | truncated}
            self.time[ended] = 0
            self.begin(ended)
        return self.state.copy(), reward, terminated, truncated, infos

    def get_state(self) -> dict[str, np.ndarray]:
        bits = self._bits.state
        return {
            "time": self.time.copy(),
            "state": self.state.copy(),
            "counter": bits["state"]["counter"].copy(),
            "key": bits["state"]["key"].copy(),
            "buffer": bits["buffer"].copy(),
            "scalars": np.array([bits["buffer_pos"], bits["has_uint32"], bits["uinteger"]], np.uint64),
        }

    def set_state(self, saved: dict[str, np.ndarray]) -> None:
        self.time[:], self.state[:] = saved["time"], saved["state"]
        bits = self._bits.state
        bits["state"]["counter"], bits["state"]["key"] = saved["counter"], saved["key"]
        bits["buffer"] = saved["buffer"]
        bits["buffer_pos"], bits["has_uint32"], bits["uinteger"] = (int(value) for value in saved["scalars"])
        self._bits.state = bits


class ConstantReward(Probe):
    """Pays 1 a step, ends by a time limit: the value is 1 / (1 - gamma), not that of what ends."""

    limit, terminates = 4, False

    def advance(self, actions: np.ndarray) -> np.ndarray:
        return np.ones(self.num_envs)


class OneStep(Probe):
    """Pays 1 and terminates: the value is 1."""

    def advance(self, actions: np.ndarray) -> np.ndarray:
        return np.ones(self.num_envs)


class TwoSteps(Probe):
    """Sees 0, then 1; pays 1 at the end only: the values are gamma and 1."""

    limit = 2

    def advance(self, actions: np.ndarray) -> np.ndarray:
        reward = (self.state[:, 0] == 1.0).astype(np.float64)
        self.state += 1.0
        return reward


class ActionReward(Probe):
    """Pays 1 - (action - 0.5)^2 and terminates: the best action is 0.5."""

    def advance(self, actions: np.ndarray) -> np.ndarray:
        return 1.0 - (actions[:, 0] - 0.5) ** 2


class RandomObs(Probe):
    """Sees -1 or 1 at random and is paid what it saw: the values are -1 and 1."""

    def begin(self, ids: np.ndarray) -> None:
        self.state[ids, 0] = self.rng.integers(0, 2, len(ids)) * 2.0 - 1.0

    def advance(self, actions: np.ndarray) -> np.ndarray:
        return self.state[:, 0].copy()


class LinearWorld(Probe):
    """A noisy linear system with long episodes that may fall: for tests of mechanics, not of values."""

    obs_dim, action_dim, limit, terminates = 5, 2, 13, False

    def begin(self, ids: np.ndarray) -> None:
        self.state[ids] = self.rng.standard_normal((len(ids), self.obs_dim)) * 2.0 + 3.0

    def advance(self, actions: np.ndarray) -> np.ndarray:
        self.state *= 0.9
        self.state[:, : self.action_dim] += actions
        self.state += 0.1 * self.rng.standard_normal(self.state.shape)
        return 1.0 - 0.1 * np.square(self.state).mean(axis=1)

    def over(self) -> np.ndarray:
        return self.state[:, 0] < -1.0


def make_policy_env(obs_dim: int, action_dim: int, num_envs: int = 8) -> LinearWorld:
    """Return a LinearWorld of the given sizes."""
    cls = type("SizedWorld", (LinearWorld,), {"obs_dim": obs_dim, "action_dim": action_dim})
    env = cls(num_envs)
    assert isinstance(env, LinearWorld)
    return env
