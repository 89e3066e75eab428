"""How fast worlds are stepped: against bare mujoco.batch, against Gymnasium, and cheap against nominal."""

from __future__ import annotations

from typing import Any

import gymnasium
import mujoco
import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray

from envs import DomainVectorEnv, make_vec

from .measure import Figure, compare, seconds

__all__ = ["measure_worlds"]

NUM_ENVS, NUM_STEPS = 256, 25
PHYSICAL: dict[str, Any] = {
    "body_mass": {"scale": {"uniform": [0.7, 1.3]}},
    "geom_friction": {"scale": {"uniform": [0.5, 1.5]}},
    "dof_damping": {"scale": {"uniform": [0.5, 2.0]}},
    "dof_armature": {"scale": {"uniform": [0.8, 1.2]}},
    "joint_range": {"scale": {"uniform": [0.9, 1.1]}},
    "actuator_strength": {"scale": {"uniform": [0.8, 1.2]}},
    "gravity": {"scale": {"uniform": [0.9, 1.1]}},
}
EXPANDED = (
    "body_mass",
    "body_inertia",
    "geom_friction",
    "dof_damping",
    "dof_armature",
    "jnt_range",
    "actuator_gainprm",
    "opt.gravity",
)
GYMNASIUM = {"hopper": "Hopper-v5", "half_cheetah": "HalfCheetah-v5"}


class _Ours:
    """Our worlds, all physical parameters randomized, under uniformly random actions."""

    def __init__(self, env: str, fidelity: str = "nominal") -> None:
        self.worlds: DomainVectorEnv = make_vec(
            env, num_envs=NUM_ENVS, domain={"fidelity": fidelity, "parameters": PHYSICAL}
        )
        self.worlds.reset()
        rng = np.random.default_rng(0)
        shape = (NUM_STEPS, *self.worlds.action_space.shape)  # type: ignore[misc]
        self.actions: NDArray[np.float32] = rng.uniform(-1, 1, shape).astype(np.float32)

    def rate(self) -> float:
        """Return env-steps/s over the actions."""
        return NUM_STEPS * NUM_ENVS / seconds(self._run)

    def _run(self) -> None:
        for action in self.actions:
            self.worlds.step(action)


class _Bare:
    """mujoco.batch alone, on the models, states and actions our worlds have at that moment."""

    def __init__(self, ours: _Ours) -> None:
        self._ours = ours
        self._batch = Batch(ours.worlds.physics.model, NUM_ENVS)
        for field in EXPANDED:
            self._batch.expand(field)

    def rate(self) -> float:
        """Take the worlds over, unmeasured; return env-steps/s over the same actions."""
        physics = self._ours.worlds.physics
        for field in EXPANDED:
            self._batch.expand(field)[:] = physics.expand(field)
        self._batch.set_const()
        self._batch.state[:] = physics.get_state()["rows"]
        return NUM_STEPS * NUM_ENVS / seconds(self._run)

    def _run(self) -> None:
        ctrl, substeps = self._batch.bind("ctrl"), self._ours.worlds.physics.substeps
        for action in self._ours.actions:
            ctrl[:] = action
            self._batch.step(nstep=substeps)


class _RandomizeAtReset(gymnasium.Wrapper[Any, Any, Any, Any]):
    """What people write around Gymnasium today: the same parameters, drawn at every reset."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        model = env.unwrapped.model  # type: ignore[attr-defined]
        names = [f for f in EXPANDED if not f.startswith("opt.")]
        self._nominal = {name: getattr(model, name).copy() for name in names}
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

    def __init__(self, env_id: str, ours: _Ours) -> None:
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
    figures = []
    for env, env_id in GYMNASIUM.items():
        ours = _Ours(env)
        ratios, rate, other = compare(ours.rate, _Bare(ours).rate)
        figures.append(
            Figure(
                f"{env}, {NUM_ENVS} worlds randomized / bare mujoco.batch",
                0.90,
                ratios,
                note=_note(rate, other),
            )
        )
        ratios, rate, other = compare(ours.rate, _Gymnasium(env_id, ours).rate)
        figures.append(
            Figure(f"{env}, the same / SyncVectorEnv + randomizing wrapper", 2.5, ratios, note=_note(rate, other))
        )
    ratios, rate, other = compare(_Ours("hopper", "cheap").rate, _Ours("hopper").rate)
    figures.append(Figure("hopper cheap / hopper nominal", 5.0, ratios, note=_note(rate, other)))
    return figures


def _note(ours: list[float], theirs: list[float]) -> str:
    return f"{np.median(ours) / 1e3:.1f}k / {np.median(theirs) / 1e3:.1f}k env-steps/s"
