"""Joints, by what force or constraint answers when they are moved."""

from __future__ import annotations

import copy

import mujoco
import numpy as np

from ..pairs.world_pair import joint_ids
from .measure import Measure

__all__ = ["JOINT_MEASURES"]

_SPEED = 1e-2  # rad/s or m/s
_ANGLE = 1e-2  # rad or m
_FAR = 100.0  # rad or m beyond any range: the limit's constraint says how far it is violated
_SCALAR = (int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE))
Measured = dict[str, float]


def measure_damping(model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> Measured:
    """Return the damping force over the speed, joint by joint."""
    found = {}
    for name, joint in joint_ids(model).items():
        dof = model.jnt_dofadr[joint]
        data.qvel[:] = 0.0
        data.qvel[dof] = _SPEED
        mujoco.mj_fwdPosition(model, data)
        mujoco.mj_fwdVelocity(model, data)
        found[name] = -float(data.qfrc_damper[dof]) / _SPEED
    return found


def measure_armature(model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> Measured:
    """Return what a joint's inertia loses when its armature is taken away."""
    bare = copy.copy(model)
    bare.dof_armature[:] = 0.0
    difference = _inertia(model) - _inertia(bare)
    return {name: float(difference[model.jnt_dofadr[j], model.jnt_dofadr[j]]) for name, j in joint_ids(model).items()}


def _inertia(model: mujoco.MjModel) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    data, dense = mujoco.MjData(model), np.zeros((model.nv, model.nv))
    mujoco.mj_fwdPosition(model, data)
    mujoco.mj_fullM(model, data, dense)
    return dense


def measure_friction_loss(model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> Measured:
    """Return the friction that the running constraints hold for each joint."""
    mujoco.mj_forward(model, data)
    rows = np.flatnonzero(data.efc_type == mujoco.mjtConstraint.mjCNSTR_FRICTION_DOF)
    by_dof = dict(zip(data.efc_id[rows].tolist(), data.efc_frictionloss[rows].tolist(), strict=True))
    return {name: float(by_dof.get(int(model.jnt_dofadr[joint]), 0.0)) for name, joint in joint_ids(model).items()}


def _spring(model: mujoco.MjModel, data: mujoco.MjData, joint: int, offset: float) -> float:
    data.qpos[:] = model.qpos0
    data.qpos[model.jnt_qposadr[joint]] += offset
    data.qvel[:] = 0.0
    mujoco.mj_fwdPosition(model, data)
    mujoco.mj_fwdVelocity(model, data)
    return float(data.qfrc_spring[model.jnt_dofadr[joint]])


def _slope(model: mujoco.MjModel, data: mujoco.MjData, joint: int) -> float:
    return (_spring(model, data, joint, -_ANGLE) - _spring(model, data, joint, _ANGLE)) / (2 * _ANGLE)


def measure_stiffness(model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> Measured:
    """Return how the spring's force falls with the joint's position."""
    return {name: _slope(model, data, j) for name, j in joint_ids(model).items() if model.jnt_type[j] in _SCALAR}


def measure_rest_pose(model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> Measured:
    """Return where the spring's force vanishes, from the position it has in the model's default."""
    found = {}
    for name, joint in joint_ids(model).items():
        if model.jnt_type[joint] in _SCALAR and (slope := _slope(model, data, joint)):
            found[name] = _spring(model, data, joint, 0.0) / slope
    return found


def measure_range(model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> Measured:
    """Return the distance between the two positions at which a limit begins to push back."""
    found = {}
    for name, joint in joint_ids(model).items():
        if model.jnt_type[joint] in _SCALAR and model.jnt_limited[joint]:
            found[name] = _stop(model, data, joint, _FAR) - _stop(model, data, joint, -_FAR)
    return found


def _stop(model: mujoco.MjModel, data: mujoco.MjData, joint: int, beyond: float) -> float:
    """Return the position of the limit that a joint violates at `beyond`; NaN if none answers."""
    data.qpos[:] = model.qpos0
    data.qpos[model.jnt_qposadr[joint]] = beyond
    mujoco.mj_fwdPosition(model, data)
    limits = data.efc_type == mujoco.mjtConstraint.mjCNSTR_LIMIT_JOINT
    row = np.flatnonzero(limits & (data.efc_id == joint))
    return beyond + float(np.sign(beyond) * data.efc_pos[row[0]]) if len(row) else np.nan


JOINT_MEASURES = {
    "dof_damping": Measure(measure_damping, "the damping force per speed"),
    "dof_armature": Measure(measure_armature, "the armature in the joint's inertia"),
    "dof_frictionloss": Measure(measure_friction_loss, "the friction among the running constraints"),
    "joint_stiffness": Measure(measure_stiffness, "the spring's force per displacement"),
    "rest_pose": Measure(measure_rest_pose, "where the spring's force vanishes, from the nominal place", offset=True),
    "joint_range": Measure(measure_range, "the range between the limits that push back", relative=True),
}
