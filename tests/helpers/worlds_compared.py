"""Worlds side by side: how the tests of parameters build them, move them and look at every number in them."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from typing import Any

import mujoco
import numpy as np

from envs import ENVS, PARAMETERS, DomainVectorEnv, make_vec
from envs.physics.parameter import ChannelParameter

__all__ = [
    "CHANGED",
    "PHYSICAL",
    "REPRESENTATIVE",
    "build",
    "cases",
    "compile_spec",
    "derived_fields",
    "model_arrays",
    "nominal_value",
    "random_actions",
    "snapshot",
    "trajectory",
]

# One of each kind: hopping, running, free-floating base, arm with an object, in a fluid, without contacts.
REPRESENTATIVE = ("hopper", "half_cheetah", "ant", "pusher", "swimmer", "cartpole_swingup")
PHYSICAL = tuple(name for name, p in PARAMETERS.items() if not isinstance(p, ChannelParameter))
CHANGED: dict[str, dict[str, float]] = {
    "link_length": {"scale": 1.2},
    "link_thickness": {"scale": 1.2},
    "body_mass": {"scale": 1.4},
    "body_inertia": {"scale": 1.5},
    "payload": {"set": 0.7},
    "body_com_x": {"set": 0.02},
    "body_com_y": {"add": 0.03},
    "body_com_z": {"set": -0.02},
    "geom_friction": {"scale": 0.3},
    "geom_friction_spin": {"scale": 2.0},
    "geom_friction_roll": {"scale": 2.0},
    "contact_time_constant": {"scale": 2.0},
    "contact_damping_ratio": {"scale": 0.5},
    "dof_damping": {"add": 0.25},
    "dof_frictionloss": {"set": 0.1},
    "dof_armature": {"add": 0.3},
    "joint_stiffness": {"add": 3.0},
    "rest_pose": {"add": 0.1},
    "joint_range": {"scale": 0.4},
    "actuator_strength": {"scale": 0.6},
    "servo_kp": {"scale": 0.5},
    "servo_kd": {"scale": 2.0},
    "actuator_force_limit": {"scale": 0.3},
    "gravity": {"set": 7.0},
    "gravity_tilt_x": {"set": 0.2},
    "gravity_tilt_y": {"set": -0.3},
    "density": {"add": 800.0},
    "viscosity": {"add": 0.5},
    "wind_x": {"set": 3.0},
    "wind_y": {"set": -2.0},
    "wind_z": {"set": 1.0},
}


def build(name: str, parameters: dict[str, Any] | None = None, num_envs: int = 2, **kwargs: Any) -> DomainVectorEnv:
    """Return worlds that no fall ends; the wind blows in air where a domain has it and the model no fluid."""
    parameters = dict(parameters or {})
    task = ENVS[name].task
    if "terminate_when_unhealthy" in inspect.signature(task).parameters:
        kwargs.setdefault("terminate_when_unhealthy", False)
    domain = {"parameters": parameters} if parameters else None
    return make_vec(name, num_envs=num_envs, domain=domain, **{"seed": 3, "num_threads": 1, **kwargs})


STATED_INERTIA = ("quadruped",)  # whose bodies state their inertia: nothing follows from other links


def cases(names: tuple[str, ...], parameters: tuple[str, ...] = PHYSICAL) -> list[tuple[str, str]]:
    """Return the pairs of environment and parameter that has objects there, but for what is refused by its message."""
    nominal = {name: build(name, num_envs=1).worlds.nominal for name in names}
    pairs = [(n, p) for n in names for p in parameters if PARAMETERS[p].objects(nominal[n])]
    return [(n, p) for n, p in pairs if n not in STATED_INERTIA or not p.startswith("link_")]


def random_actions(env: DomainVectorEnv, num_steps: int) -> np.ndarray:
    """Return actions (num_steps, num_envs, act_dim): random, in the last world full force, to reach stop or table."""
    rng, high = np.random.default_rng(0), env.single_action_space.high
    actions = high * rng.uniform(-1, 1, (num_steps, *env.action_space.shape))
    actions[:, -1] = high
    return actions.astype(np.float32)


def trajectory(env: DomainVectorEnv, num_steps: int) -> np.ndarray:
    """Return observations and rewards under random actions, (num_steps + 1, num_envs, obs_dim + 1)."""
    rows = [np.column_stack((env.reset()[0], np.zeros(env.num_envs)))]
    rows += [np.column_stack(env.step(action)[:2]) for action in random_actions(env, num_steps)]
    return np.stack(rows)


def nominal_value(env: DomainVectorEnv, parameter: str) -> np.ndarray:
    """Return the defaults (n,) of a parameter's objects."""
    return PARAMETERS[parameter].default(env.worlds.nominal)


def model_arrays(model: mujoco.MjModel) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every number of a model."""
    for owner, prefix in ((model, ""), (model.opt, "opt."), (model.stat, "stat.")):
        for field in dir(owner):
            if not field.startswith("_"):
                value = getattr(owner, field)
                if isinstance(value, np.ndarray | float | int):
                    yield prefix + field, np.asarray(value)


def snapshot(env: DomainVectorEnv, world: int) -> dict[str, bytes]:
    """Return the bytes of every number of a world's model; zero has one sign."""
    return {k: (v + 0.0 if v.dtype.kind == "f" else v).tobytes() for k, v in model_arrays(env.physics.world(world)[0])}


def derived_fields() -> set[str]:
    """Return what mj_setConst computes."""
    return set(mujoco.MjModel._setconst_outputs) | set(mujoco.MjModel._setconst_scalars)


def compile_spec(spec: mujoco.MjSpec) -> mujoco.MjModel:
    """Compile without the warning that Gymnasium's half_cheetah.xml causes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return spec.compile()
