"""A world whose best action hangs on a number that nobody sees, but whoever watches what their actions do can tell."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from probes import Probe

__all__ = ["GAIN", "HiddenGain", "ShownGain"]

GAIN = "gain"  # the name of the parameter


class HiddenGain(Probe):
    """An action comes out multiplied by the world's gain g in [0.5, 2], and is to hit a goal within [-0.5, 0.5].

    Seen are what the last action came to and the next goal; it pays 1 - 6 ((goal - g action) / 0.5)^2; log g is
    uniform. Who is shown the gain can get 1. Who knows neither it nor the last action does best by taking it for
    E[g^2] / E[g], and gets 1 - 2 (1 - E[g]^2 / E[g^2]) = 0.73. Who remembers gets 1 but for the first of forty steps.
    """

    obs_dim, action_dim, limit, terminates = 2, 1, 40, False
    best_without_knowing = 1.0 - 2.0 * (1.0 - (1.5 / np.log(4.0)) ** 2 / (1.875 / np.log(4.0)))

    def __init__(self, num_envs: int = 8, seed: int = 0, gains: tuple[float, float] = (0.5, 2.0)) -> None:
        super().__init__(num_envs, seed)
        self.gains, self.gain = gains, np.zeros(num_envs)

    def begin(self, ids: np.ndarray) -> None:
        low, high = np.log(self.gains)
        self.gain[ids] = np.exp(self.rng.uniform(low, high, len(ids)))
        self.state[ids, 0] = 0.0
        self.state[ids, 1] = self.rng.uniform(-0.5, 0.5, len(ids))

    def advance(self, actions: np.ndarray) -> np.ndarray:
        self.state[:, 0] = self.gain * actions[:, 0]
        missed = (self.state[:, 1] - self.state[:, 0]) / 0.5
        self.state[:, 1] = self.rng.uniform(-0.5, 0.5, self.num_envs)
        return 1.0 - 6.0 * np.square(missed)

    def get_state(self) -> dict[str, np.ndarray]:
        return {**super().get_state(), "gain": self.gain.copy()}

    def set_state(self, saved: dict[str, np.ndarray]) -> None:
        super().set_state(saved)
        self.gain[:] = saved["gain"]


class ShownGain(HiddenGain):
    """The same world, which shows its gain as the observation group `privileged`."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        shown = spaces.Box(-np.inf, np.inf, (1,), np.float64)
        self.single_observation_space = spaces.Dict({"policy": self.single_observation_space, "privileged": shown})

    def shown(self, obs: np.ndarray, gain: np.ndarray) -> dict[str, np.ndarray]:
        return {"policy": obs, "privileged": gain[:, None].copy()}

    def reset(self, **keywords: Any) -> tuple[Any, dict[str, Any]]:
        obs, infos = super().reset(**keywords)
        return self.shown(obs, self.gain), infos

    def step(self, actions: np.ndarray) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        before = self.gain.copy()
        obs, *rest, infos = super().step(actions)
        if "final_obs" in infos:
            infos["final_obs"] = self.shown(infos["final_obs"], before)
        return self.shown(obs, self.gain), *rest, infos
