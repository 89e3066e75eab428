"""Nominal: the robot as built, before any domain has touched it: what selectors choose from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

__all__ = ["GROUPS", "Nominal", "actuator_names", "body_name", "joint_name", "object_names", "unique_names"]


@dataclass(frozen=True)
class Nominal:
    """The compiled model, and the names of what goes in and out of the robot.

    Attributes:
        model: whose values are the defaults that operations start from.
        observation_names: (obs_dim,)
        action_names: (act_dim,), as a rule those of the actuators.
    """

    model: mujoco.MjModel
    observation_names: tuple[str, ...] = ()
    action_names: tuple[str, ...] = ()


def unique_names(own: Sequence[str], kind: str) -> tuple[str, ...]:
    """Return a name for each object of one kind, (n,): its own, or `<kind><index>` where that is empty.

    If another object has the generated name for its own, it becomes `unnamed_<kind><index>`, so that each name stands
    for one object.
    """
    taken = {name for name in own if name}
    names = []
    for index, name in enumerate(own):
        generated = name or f"{kind}{index}"
        while not name and generated in taken:
            generated = f"unnamed_{generated}"
        names.append(generated)
    return tuple(names)


def object_names(model: mujoco.MjModel, kind: str) -> tuple[str, ...]:
    """Return the unique names of all objects of a kind, `body`, `joint` or `geom`, (n,), as `unique_names` does."""
    number = {"body": model.nbody, "joint": model.njnt, "geom": model.ngeom}[kind]
    return unique_names([str(getattr(model, kind)(i).name) for i in range(number)], kind)


def body_name(model: mujoco.MjModel, index: int) -> str:
    """Return the unique name of a body."""
    return object_names(model, "body")[index]


def joint_name(model: mujoco.MjModel, index: int) -> str:
    """Return the unique name of a joint."""
    return object_names(model, "joint")[index]


def actuator_names(model: mujoco.MjModel) -> tuple[str, ...]:
    """Return the names of all actuators, (nu,), one without a name by that of the joint it drives, if no other has it.

    A joint may have two, such as a position and a velocity servo: they are called `actuator<index>`.
    """
    own = [str(model.actuator(i).name) for i in range(model.nu)]
    joints = object_names(model, "joint")
    driven = model.actuator_trntype == mujoco.mjtTrn.mjTRN_JOINT
    named = [name or (joints[model.actuator_trnid[i, 0]] if driven[i] else "") for i, name in enumerate(own)]
    count = Counter(named)
    return unique_names([name if own[i] or count[name] == 1 else "" for i, name in enumerate(named)], "actuator")


def _base(nominal: Nominal) -> tuple[str, ...]:
    """Return the bodies that hang on the world and carry motors, the trunk of a robot.

    What merely lies about, such as an object to push, has none; where no motor drives a joint, all that move count.
    """
    model, roots = nominal.model, _roots(nominal.model)
    return tuple(
        body_name(model, i)
        for i in range(1, model.nbody)
        if model.body_parentid[i] == 0 and model.body_jntnum[i] > 0 and model.body_mass[i] > 0 and i in roots
    )


def _joints(nominal: Nominal) -> tuple[str, ...]:
    """Return the joints of the robot: bearings that can rub, bend or wear.

    Not those by which its base floats, which stand for no bearing: a free joint, or slides without a motor between
    the world and the base, and the hinges that turn it there. The slide of a cart that a motor drives is a bearing.
    """
    model, roots = nominal.model, _roots(nominal.model)
    driven, floating = _driven_joints(model), _floating_bodies(model)
    return tuple(
        joint_name(model, i)
        for i in range(model.njnt)
        if model.body_rootid[model.jnt_bodyid[i]] in roots and (i in driven or model.jnt_bodyid[i] not in floating)
    )


def _driven_joints(model: mujoco.MjModel) -> set[int]:
    kinds = (mujoco.mjtTrn.mjTRN_JOINT, mujoco.mjtTrn.mjTRN_JOINTINPARENT)
    return {int(i) for i in model.actuator_trnid[np.isin(model.actuator_trntype, kinds), 0]}


def _roots(model: mujoco.MjModel) -> set[int]:
    """Return the bodies on the world whose trees carry motors; all where no motor drives a joint."""
    driven = {int(model.body_rootid[model.jnt_bodyid[i]]) for i in _driven_joints(model)}
    return driven or set(range(1, model.nbody))


def _floating_bodies(model: mujoco.MjModel) -> set[int]:
    """Return the bodies that free joints and slides without a motor, and nothing else, hold to the world."""
    driven, floating = _driven_joints(model), {0}
    for body in range(1, model.nbody):
        joints = range(model.body_jntadr[body], model.body_jntadr[body] + model.body_jntnum[body])
        kinds = [model.jnt_type[i] for i in joints if i not in driven]
        loose = mujoco.mjtJoint.mjJNT_FREE in kinds or mujoco.mjtJoint.mjJNT_SLIDE in kinds
        if model.body_parentid[body] in floating and (loose or not joints):
            floating.add(body)
    return floating


def _left(nominal: Nominal) -> tuple[str, ...]:
    return tuple(name for name, side in _sides(nominal).items() if side > 0)


def _right(nominal: Nominal) -> tuple[str, ...]:
    return tuple(name for name, side in _sides(nominal).items() if side < 0)


def _sides(nominal: Nominal) -> dict[str, int]:
    """Return +1 (left), -1 (right) or 0 for every actuator.

    A name that says `left` has its twin of the same name without it, or with `right`, on the other side; where no
    name says so, the side of the driven joint's anchor in the default pose counts, y pointing left.
    """
    names, model = nominal.action_names, nominal.model
    if any("left" in name for name in names):
        twins = {name.replace("left_", "").replace("_left", "") for name in names if "left" in name}
        twins |= {name.replace("left", "right") for name in names if "left" in name}
        return {name: 1 if "left" in name else -1 if name in twins else 0 for name in names}
    if names != actuator_names(model):
        return {}
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    joints = [i for i in range(model.nu) if model.actuator_trntype[i] == mujoco.mjtTrn.mjTRN_JOINT]
    y = {names[i]: float(data.xanchor[model.actuator_trnid[i, 0], 1]) for i in joints}
    return {name: (value > 1e-6) - (value < -1e-6) for name, value in y.items()}


# Selections that depend on the robot, by what stands for them in `select`.
GROUPS: dict[str, Callable[[Nominal], tuple[str, ...]]] = {
    "@base": _base,
    "@joints": _joints,
    "@left": _left,
    "@right": _right,
}
