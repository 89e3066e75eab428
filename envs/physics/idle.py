"""Why an object's parameter cannot act: what MuJoCo ignores of a model, in words."""

from __future__ import annotations

from collections.abc import Iterable

import mujoco
import numpy as np
from numpy.typing import NDArray

__all__ = ["Reasons", "disabled", "moved_bodies", "reasons_for", "unmoved_bodies"]

Reasons = dict[str, str]  # object -> why its parameter never acts
Mask = NDArray[np.bool_]


def disabled(model: mujoco.MjModel, *flags: str) -> str:
    """Return the reason if the model switches off one of these `flags` of MuJoCo's, such as `damper`; else ''."""
    for flag in flags:
        if model.opt.disableflags & int(getattr(mujoco.mjtDisableBit, f"mjDSBL_{flag.upper()}")):
            return f'the model has <flag {flag}="disable"/>'
    return ""


def moved_bodies(model: mujoco.MjModel) -> Mask:
    """Return which bodies some joint moves, their own or one of a body that carries them, (nbody,)."""
    moved: Mask = model.body_dofnum > 0
    for body in range(1, model.nbody):  # a parent comes before its children
        moved[body] |= moved[model.body_parentid[body]]
    return moved


def unmoved_bodies(model: mujoco.MjModel, names: tuple[str, ...]) -> Reasons:
    """Return why nothing that pulls at a body acts: for every body (nbody,) without a joint towards the world."""
    mocap = "it is a mocap body, or fixed to one: its pose is given, and nothing that pulls at it acts"
    fixed = "no joint lies between it and the world: it cannot move"
    found = {}
    for body in np.flatnonzero(~moved_bodies(model)[1:]) + 1:
        given = model.body_mocapid[model.body_rootid[body]] >= 0
        found[names[body]] = mocap if given else fixed
    return found


def reasons_for(names: Iterable[str], reason: str) -> Reasons:
    """Return the same reason for every name; none at all if it is ''."""
    return dict.fromkeys(names, reason) if reason else {}
