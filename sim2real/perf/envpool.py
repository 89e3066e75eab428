"""Stepping at nominal physics against EnvPool, which is optional and installed for this alone."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from envs import available_cores

from .measure import Figure, compare, rates, seconds
from .randomised import NUM_ENVS, OurWorlds

__all__ = ["measure_envpool"]

BARS = {"half_cheetah": ("HalfCheetah-v5", 1.5), "hopper": ("Hopper-v5", 1.5), "ant": ("Ant-v5", 1.2)}


class _EnvPool:
    """EnvPool's worlds, as many, on as many threads, under the same actions."""

    def __init__(self, env_id: str, ours: OurWorlds) -> None:
        envpool: Any = importlib.import_module("envpool")
        self._envs = envpool.make(env_id, env_type="gymnasium", num_envs=NUM_ENVS, num_threads=available_cores())
        self._envs.reset()
        self._actions = ours.actions.astype("float64")

    def rate(self) -> float:
        """Return env-steps/s."""
        return len(self._actions) * NUM_ENVS / seconds(self._run)

    def _run(self) -> None:
        for action in self._actions:
            self._envs.step(action)


def measure_envpool() -> list[Figure]:
    """Measure nothing where EnvPool is not installed (pip install envpool==1.2.5)."""
    if importlib.util.find_spec("envpool") is None:
        return []
    figures = []
    for env, (env_id, bar) in BARS.items():
        ours = OurWorlds(env, {})
        ratios, rate, other = compare(ours.rate, _EnvPool(env_id, ours).rate)
        figures.append(Figure(f"{env} nominal / EnvPool {env_id}", bar, ratios, note=rates(rate, other)))
    return figures
