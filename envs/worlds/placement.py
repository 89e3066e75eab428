"""Placement: a robot built differently stands on the same ground, and is of the same material.

Longer legs would start inside the floor, and a stated total mass would make the rest of the robot lighter.
"""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

__all__ = ["forget_total_mass", "lowest_points", "settle"]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]
_GEOM = mujoco.mjtGeom


def forget_total_mass(spec: mujoco.MjSpec) -> None:
    """Let masses follow from the geoms' sizes and densities alone."""
    spec.compiler.settotalmass = -1


def settle(spec: mujoco.MjSpec, before: mujoco.MjModel, after: mujoco.MjModel) -> None:
    """Put the edited robot of `spec` on its feet, and give it the mass of its size.

    Each base that can move vertically is lifted, so that the lowest point of its robot in the default pose keeps
    its height; where a slide joint counts the height, its position counts the lift too, so that a height read
    from it means the same in all builds. If the model states a total mass, that grows as the masses would without.

    Args:
        spec: the edited source.
        before: compiled from the source before the edit, without total mass.
        after: compiled from `spec`, without total mass.
    """
    if spec.compiler.settotalmass > 0:
        spec.compiler.settotalmass *= after.body_mass.sum() / before.body_mass.sum()
    bases, joints = _vertical_bases(before)
    lifts = lowest_points(before, bases) - lowest_points(after, bases)
    for base, joint, lift in zip(bases.tolist(), joints.tolist(), lifts.tolist(), strict=True):
        body = spec.bodies[base]
        body.pos = np.array(body.pos) + np.array((0.0, 0.0, lift))
        if before.jnt_type[joint] == mujoco.mjtJoint.mjJNT_SLIDE:
            spec.joints[joint].ref += lift * float(np.sign(before.jnt_axis[joint, 2]))


def _vertical_bases(model: mujoco.MjModel) -> tuple[Ids, Ids]:
    """Return the bodies on the world that a joint moves freely up and down, (n,), and that joint of each, (n,)."""
    free = model.jnt_type == mujoco.mjtJoint.mjJNT_FREE
    slides = (model.jnt_type == mujoco.mjtJoint.mjJNT_SLIDE) & (np.abs(model.jnt_axis[:, 2]) > 1 - 1e-9)
    upright = np.abs(model.body_quat[:, 1:3]).max(axis=1) < 1e-9  # its z axis is the world's
    vertical = ((model.body_parentid == 0) & upright)[model.jnt_bodyid] & slides
    joints = np.flatnonzero(free | vertical)
    bases, first = np.unique(model.jnt_bodyid[joints], return_index=True)
    return bases.astype(np.intp), joints[first]


def lowest_points(model: mujoco.MjModel, bases: Ids) -> Array:
    """Return the height (m) of the lowest point of each base's robot in the default pose, (n,).

    Counted are geoms that can touch something or, where there are none, all; 0 without geoms.
    """
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    low = data.geom_xpos[:, 2] - _half_heights(model, data.geom_xmat.reshape(-1, 3, 3)[:, 2])
    touching = (model.geom_contype | model.geom_conaffinity) != 0
    points = []
    for base in bases:
        own = model.body_rootid[model.geom_bodyid] == base
        counted = own & touching if (own & touching).any() else own
        points.append(float(low[counted].min()) if counted.any() else 0.0)
    return np.array(points)


def _half_heights(model: mujoco.MjModel, vertical: Array) -> Array:
    """Return how far each geom reaches below its centre, (ngeom,), from the z row of its rotation (ngeom, 3).

    That is its support function in direction -z, for a mesh that of its bounding box.
    """
    size, kind = np.asarray(model.geom_size), np.asarray(model.geom_type)
    axis = np.abs(vertical[:, 2])
    ball = size[:, 0]
    capsule = ball + axis * size[:, 1]
    cylinder = ball * np.sqrt(np.maximum(1 - axis**2, 0)) + axis * size[:, 1]
    ellipsoid = np.linalg.norm(vertical * size, axis=1)
    box = (np.abs(vertical) * model.geom_aabb[:, 3:]).sum(axis=1) - (vertical * model.geom_aabb[:, :3]).sum(axis=1)
    kinds = (_GEOM.mjGEOM_SPHERE, _GEOM.mjGEOM_CAPSULE, _GEOM.mjGEOM_CYLINDER, _GEOM.mjGEOM_ELLIPSOID)
    return np.select([kind == k for k in kinds], [ball, capsule, cylinder, ellipsoid], box)
