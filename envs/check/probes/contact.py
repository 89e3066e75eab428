"""Friction and softness of contacts, read from contacts that happen."""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..pairs.world_pair import geom_ids
from .measure import Measure

__all__ = ["CONTACT_MEASURES", "find_contacts"]

Array = NDArray[np.float64]
_NUM_POSES = 150
_MAXIMUM_RULE = "MuJoCo gives a contact the larger coefficient of its two geoms, so the ground must follow the robot"


def find_contacts(
    model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator, number: Callable[[mujoco.MjContact], float]
) -> dict[str, float]:
    """Put the robot onto the ground in random poses; return geom -> its contacts' `number`, the oddest of them.

    Only contacts with geoms of the static world count. The pose is lowered into the ground by turns, as a contact's
    parameters do not depend on its depth.
    """
    static = model.body_weldid[model.geom_bodyid] == 0
    found: dict[int, list[float]] = {}
    for _ in range(_NUM_POSES):
        data.qpos[:] = _pose(model, rng)
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_collision(model, data)
        for contact in data.contact:
            owners = [int(g) for g in contact.geom if not static[g]]
            if len(owners) == 1 and not contact.exclude:
                found.setdefault(owners[0], []).append(number(contact))
    names = {index: name for name, index in geom_ids(model).items()}
    return {
        names[geom]: values[int(np.argmax(np.abs(np.subtract(values, np.median(values)))))]
        for geom, values in found.items()
    }


def _pose(model: mujoco.MjModel, rng: np.random.Generator) -> Array:
    """Return a pose within the joints' ranges, turned and lowered at random, (nq,)."""
    pose: Array = model.qpos0.copy()
    drop = rng.uniform(0, 1) * min(float(model.stat.extent), 3.0)
    for joint in range(model.njnt):
        at, kind = model.jnt_qposadr[joint], mujoco.mjtJoint(model.jnt_type[joint])
        if kind == mujoco.mjtJoint.mjJNT_FREE:
            pose[at + 2] -= drop
            pose[at + 3 : at + 7] = _quaternion(rng)
        elif kind == mujoco.mjtJoint.mjJNT_BALL:
            pose[at : at + 4] = _quaternion(rng)
        elif model.jnt_limited[joint]:
            pose[at] = rng.uniform(*model.jnt_range[joint])
        elif kind == mujoco.mjtJoint.mjJNT_HINGE:
            pose[at] += rng.uniform(-np.pi, np.pi)
        else:
            pose[at] -= drop * abs(model.jnt_axis[joint][2])
    return pose


def _quaternion(rng: np.random.Generator) -> Array:
    """Return a rotation uniform over all, (4,)."""
    q = rng.standard_normal(4)
    unit: Array = q / np.linalg.norm(q)
    return unit


def _friction(index: int, dims: int) -> Callable[[mujoco.MjContact], float]:
    """Return the reader of a coefficient that acts from `dims` dimensions of contact on; below that it is 0."""
    return lambda contact: float(contact.friction[index]) if contact.dim >= dims else 0.0


def _measure(number: Callable[[mujoco.MjContact], float], what: str, hint: str = "") -> Measure:
    how = f"the {what} of the geom's contacts with the ground"
    return Measure(lambda model, data, rng: find_contacts(model, data, rng, number), how, hint=hint)


CONTACT_MEASURES = {
    "geom_friction": _measure(_friction(0, 3), "sliding friction", _MAXIMUM_RULE),
    "geom_friction_spin": _measure(_friction(2, 4), "torsional friction", _MAXIMUM_RULE),
    "geom_friction_roll": _measure(_friction(3, 6), "rolling friction", _MAXIMUM_RULE),
    "contact_time_constant": _measure(lambda c: float(c.solref[0]), "time constant"),
    "contact_damping_ratio": _measure(lambda c: float(c.solref[1]), "damping ratio"),
}
