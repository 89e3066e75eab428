"""Worlds in which everything physical is randomized, and the bare engine stepping the same models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray

from envs import PARAMETERS, DomainVectorEnv, make_vec

from .measure import seconds

__all__ = ["COMMON", "NUM_ENVS", "BareBatch", "OurWorlds", "physical_parameters"]

NUM_ENVS = 256
NUM_STEPS = 25
# How each physical parameter is randomized; morphology is not there, as it compiles models.
RANGES: dict[str, dict[str, Any]] = {
    "body_mass": {"scale": {"uniform": [0.7, 1.3]}},
    "body_inertia": {"scale": {"uniform": [0.9, 1.1]}},
    "payload": {"select": "@base", "set": {"uniform": [0.0, 0.2]}},
    "body_com_x": {"add": {"uniform": [-0.01, 0.01]}},
    "body_com_y": {"add": {"uniform": [-0.01, 0.01]}},
    "body_com_z": {"add": {"uniform": [-0.01, 0.01]}},
    "geom_friction": {"scale": {"uniform": [0.5, 1.5]}},
    "geom_friction_spin": {"scale": {"uniform": [0.5, 1.5]}},
    "geom_friction_roll": {"scale": {"uniform": [0.5, 1.5]}},
    "contact_time_constant": {"scale": {"uniform": [1.0, 1.3]}},
    "contact_damping_ratio": {"scale": {"uniform": [0.9, 1.1]}},
    "dof_damping": {"scale": {"uniform": [0.5, 2.0]}},
    "dof_frictionloss": {"set": {"uniform": [0.0, 0.01]}},
    "dof_armature": {"scale": {"uniform": [0.8, 1.2]}},
    "joint_stiffness": {"scale": {"uniform": [0.8, 1.2]}},
    "rest_pose": {"add": {"uniform": [-0.02, 0.02]}},
    "joint_range": {"scale": {"uniform": [0.9, 1.1]}},
    "actuator_strength": {"scale": {"uniform": [0.8, 1.2]}},
    "servo_kp": {"scale": {"uniform": [0.8, 1.2]}},
    "servo_kd": {"scale": {"uniform": [0.8, 1.2]}},
    "actuator_force_limit": {"scale": {"uniform": [0.8, 1.0]}},
    "gravity": {"scale": {"uniform": [0.9, 1.1]}},
    "gravity_tilt_x": {"set": {"uniform": [-0.02, 0.02]}},
    "gravity_tilt_y": {"set": {"uniform": [-0.02, 0.02]}},
    "density": {"add": {"uniform": [0.0, 1.2]}},
    "viscosity": {"add": {"uniform": [0.0, 2e-5]}},
    "wind_x": {"set": {"uniform": [-1.0, 1.0]}},
    "wind_y": {"set": {"uniform": [-1.0, 1.0]}},
    "wind_z": {"set": {"uniform": [-1.0, 1.0]}},
}

# What people commonly randomize.
COMMON: dict[str, dict[str, Any]] = {
    "body_mass": {"scale": {"uniform": [0.7, 1.3]}},
    "geom_friction": {"scale": {"uniform": [0.5, 1.5]}},
    "dof_damping": {"scale": {"uniform": [0.5, 2.0]}},
    "dof_armature": {"scale": {"uniform": [0.8, 1.2]}},
    "joint_range": {"scale": {"uniform": [0.9, 1.1]}},
    "actuator_strength": {"scale": {"uniform": [0.8, 1.2]}},
    "gravity": {"scale": {"uniform": [0.9, 1.1]}},
}


def physical_parameters(env: str) -> dict[str, dict[str, Any]]:
    """Return the rows of RANGES that `env` has something for: objects, and a default that can be scaled."""
    nominal = make_vec(env, num_envs=1, seed=0, num_threads=1).worlds.nominal
    chosen = {}
    for name, operation in RANGES.items():
        default = PARAMETERS[name].default(nominal)
        if len(default) and ("scale" not in operation or default.any()):
            chosen[name] = operation
    return chosen


class OurWorlds:
    """Our worlds under uniformly random actions."""

    def __init__(
        self,
        env: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        fidelity: str = "nominal",
        num_envs: int = NUM_ENVS,
        num_steps: int = NUM_STEPS,
    ) -> None:
        """Build and reset them; `parameters` None: everything physical randomized."""
        chosen = physical_parameters(env) if parameters is None else parameters
        domain = {"fidelity": fidelity, "parameters": chosen}
        self.worlds: DomainVectorEnv = make_vec(env, num_envs=num_envs, seed=0, domain=domain)
        self.worlds.reset()
        rng = np.random.default_rng(0)
        low, high = self.worlds.physics.action_bounds
        shape = (num_steps, num_envs, len(low))
        self.actions: NDArray[np.float32] = rng.uniform(low, high, shape).astype(np.float32)
        self.fields = sorted({f for name in chosen for f in getattr(PARAMETERS[name], "fields", ())})

    def rate(self) -> float:
        """Return env-steps/s over the actions."""
        return len(self.actions) * self.worlds.num_envs / seconds(self._run)

    def _run(self) -> None:
        for action in self.actions:
            self.worlds.step(action)


class BareBatch:
    """mujoco.batch alone, on the models, states and actions our worlds have at that moment."""

    def __init__(self, ours: OurWorlds) -> None:
        """Make the same fields differ per world."""
        self._ours = ours
        self._batch = Batch(ours.worlds.physics.model, ours.worlds.num_envs)
        for field in ours.fields:
            self._batch.expand(field)

    def rate(self) -> float:
        """Take the worlds over, unmeasured; return env-steps/s over the same actions."""
        physics = self._ours.worlds.physics
        for field in self._ours.fields:
            self._batch.expand(field)[:] = physics.expand(field)
        self._batch.set_const()
        self._batch.state[:] = physics.get_state()["rows"]
        return len(self._ours.actions) * self._ours.worlds.num_envs / seconds(self._run)

    def _run(self) -> None:
        ctrl, substeps = self._batch.bind("ctrl"), self._ours.worlds.physics.substeps
        for action in self._ours.actions:
            ctrl[:] = action
            self._batch.step(nstep=substeps)
