"""How fast worlds are stepped: against the bare engine, against Gymnasium, and cheap against nominal."""

from __future__ import annotations

from typing import Any

import gymnasium
import mujoco
import numpy as np

from envs import ENVS

from .measure import Figure, compare, rates, seconds
from .randomised import COMMON, NUM_ENVS, BareBatch, OurWorlds

__all__ = ["measure_worlds"]

GYMNASIUM = {"hopper": "Hopper-v5", "half_cheetah": "HalfCheetah-v5"}
AGAINST_BARE = {"nominal": 0.90, "cheap": 0.80}  # fidelity -> bar


class _RandomizeAtReset(gymnasium.Wrapper[Any, Any, Any, Any]):
    """What people write around Gymnasium today: parameters drawn at every reset."""

    _FIELDS = (
        "body_mass",
        "body_inertia",
        "geom_friction",
        "dof_damping",
        "dof_armature",
        "jnt_range",
        "actuator_gainprm",
    )

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        model = env.unwrapped.model  # type: ignore[attr-defined]
        self._nominal = {name: getattr(model, name).copy() for name in self._FIELDS}
        self._rng = np.random.default_rng(0)

    def reset(self, **kwargs: Any) -> Any:
        """Draw the parameters and reset."""
        base: Any = self.env.unwrapped
        scale = self._rng.uniform(0.8, 1.2, len(self._nominal))
        for (name, nominal), factor in zip(self._nominal.items(), scale, strict=True):
            getattr(base.model, name)[:] = nominal * factor
        mujoco.mj_setConst(base.model, base.data)
        return self.env.reset(**kwargs)


class _Gymnasium:
    """Gymnasium's SyncVectorEnv over the same number of worlds."""

    def __init__(self, env_id: str, ours: OurWorlds) -> None:
        self._vector = gymnasium.vector.SyncVectorEnv(
            [lambda: _RandomizeAtReset(gymnasium.make(env_id)) for _ in range(NUM_ENVS)]
        )
        self._vector.reset(seed=0)
        self._actions = ours.actions[:5]

    def rate(self) -> float:
        """Return env-steps/s."""
        return len(self._actions) * NUM_ENVS / seconds(self._run)

    def _run(self) -> None:
        for action in self._actions:
            self._vector.step(action)


def measure_worlds() -> list[Figure]:
    """Measure all rows about stepping."""
    return [*_against_bare(), *_against_gymnasium(), _cheap_against_nominal()]


def _against_bare() -> list[Figure]:
    figures = []
    for env in ENVS:
        for fidelity, bar in AGAINST_BARE.items():
            ours = OurWorlds(env, fidelity=fidelity)
            name = f"{env} {fidelity}, {NUM_ENVS} worlds, everything physical randomized / bare mujoco.batch"
            ratios, rate, other = compare(ours.rate, BareBatch(ours).rate)
            figures.append(Figure(name, bar, ratios, note=rates(rate, other)))
    return figures


def _against_gymnasium() -> list[Figure]:
    figures = []
    for env, env_id in GYMNASIUM.items():
        ours = OurWorlds(env, COMMON)
        ratios, rate, other = compare(ours.rate, _Gymnasium(env_id, ours).rate)
        name = f"{env}, {NUM_ENVS} worlds, 7 parameters randomized / SyncVectorEnv + randomizing wrapper"
        figures.append(Figure(name, 2.5, ratios, note=rates(rate, other)))
    return figures


def _cheap_against_nominal() -> Figure:
    cheap, nominal = (OurWorlds("hopper", COMMON, fidelity=fidelity) for fidelity in ("cheap", "nominal"))
    ratios, rate, other = compare(cheap.rate, nominal.rate)
    return Figure("hopper cheap / hopper nominal, 7 parameters randomized", 5.0, ratios, note=rates(rate, other))
