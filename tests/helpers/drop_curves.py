"""Policies whose loss of return is known at every severity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from small_runs import small_config

from sim2real.calibrate.calibration import Sides
from sim2real.calibrate.policy_run import PolicyRun

DROPS = [0.15, 0.4, 0.7]
Curve = Callable[[float], float]


def sides(drop: Curve, *, seed: int = 0, noise: float = 0.0, calls: list[float] | None = None) -> Sides:
    """Return a policy that loses drop(severity) of the 900 between its own 1000 and the random 100."""

    def policy(severity: float) -> np.ndarray:
        if calls is not None:
            calls.append(severity)
        own = np.random.default_rng(seed).standard_normal(400)  # an episode is the same at every severity
        return 1000.0 - 900.0 * drop(severity) + noise * own

    return Sides(policy, np.full(400, 100.0))


class Balancer:
    """A linear controller of the inverted pendulum."""

    def make_actor(self, num_envs: int, /) -> Balancer:
        return self

    def act(self, obs: Any, started: np.ndarray, /) -> np.ndarray:
        return np.clip(obs @ np.array([1.0, 20.0, 1.5, 3.0]), -3, 3)[:, None].astype(np.float32)


def balancer(shift: str) -> PolicyRun:
    config = small_config(env="inverted_pendulum", targets={}, source={})
    return PolicyRun("balancer", "0" * 64, config, shift, Balancer(), num_threads=1)
