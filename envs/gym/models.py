"""The model and data of an environment of Gymnasium: fields by name, the state as a row, the fidelity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..errors import EnvsError
from ..physics.fidelity import Fidelity
from ..physics.physics import SETCONST_INPUTS

__all__ = [
    "apply_fidelity",
    "bring_fields",
    "read_field",
    "read_state_row",
    "require_alike",
    "require_kept",
    "write_state_row",
]

Array = NDArray[np.float64]
_SIZES = ("nq", "nv", "nu", "nbody", "ngeom")
_STATE = mujoco.mjtState.mjSTATE_INTEGRATION


def require_alike(name: str, envs: Sequence[Any]) -> None:
    """Raise EnvsError where the models of the environments called `name` differ in size: their states are one array."""
    sizes = {tuple(getattr(env.model, size) for size in _SIZES) for env in envs}
    if len(sizes) > 1:
        found = " and ".join(map(str, sorted(sizes)))
        raise EnvsError(
            f"{name}: all its environments must have models of one size, ({', '.join(_SIZES)}); got {found}"
        )


def read_field(model: mujoco.MjModel, field: str) -> Array:
    """Return a copy of a model field, or of `opt.<name>`."""
    return np.array(getattr(*_owner(model, field)), np.float64)


def bring_fields(
    name: str, model: mujoco.MjModel, scratch: mujoco.MjData, values: Mapping[str, Array], before: Mapping[str, Array]
) -> dict[str, Array]:
    """Write fields, recompute derived constants, and return what the fields are then.

    MuJoCo counts the data of equality constraints among those constants, but an environment may have set them since its
    model was compiled, so they are left as they are.

    Args:
        name: of the environment, for errors.
        model: its model.
        scratch: data of an equal model.
        values: field -> what to write.
        before: what the last call for this model returned, empty before the first.

    Raises:
        EnvsError: as `require_kept`.
    """
    require_kept(name, model, {field: before[field] for field in values if field in before})
    for field, value in values.items():
        _write_field(model, field, value)
    if any(field in SETCONST_INPUTS for field in values):
        constraints = model.eq_data.copy()
        mujoco.mj_setConst(model, scratch)
        model.eq_data[:] = constraints
    return {field: read_field(model, field) for field in values}


def require_kept(name: str, model: mujoco.MjModel, brought: Mapping[str, Array]) -> None:
    """Raise EnvsError where a field of the environment `name` is no longer as it was `brought`: it sets it itself."""
    for field, value in brought.items():
        if not np.array_equal(read_field(model, field), value):
            raise EnvsError(
                f"{name}: sets {field} itself within an episode, so what the domain makes of it acts on nothing; the "
                "environment must leave the field alone, or the domain leave it out"
            )


def _write_field(model: mujoco.MjModel, field: str, value: Array) -> None:
    """Write a model field, or `opt.<name>`."""
    owner, name = _owner(model, field)
    if value.ndim:
        getattr(owner, name)[:] = value
    else:
        setattr(owner, name, float(value))


def _owner(model: mujoco.MjModel, field: str) -> tuple[Any, str]:
    return (model.opt, field[4:]) if field.startswith("opt.") else (model, field)


def read_state_row(env: Any) -> Array:
    """Return MuJoCo's state of an environment, (nstate,)."""
    row = np.zeros(mujoco.mj_stateSize(env.model, _STATE))
    mujoco.mj_getState(env.model, env.data, row, _STATE)
    return row


def write_state_row(env: Any, row: Array) -> None:
    """Write what `read_state_row` returned."""
    mujoco.mj_setState(env.model, env.data, row, _STATE)


def apply_fidelity(fidelity: Fidelity, env: Any, ctrl_dt: float) -> int:
    """Write the fidelity into an environment's model; return its substeps.

    Raises:
        EnvsError: when it does not fit, or the environment has no `frame_skip` to follow another timestep.
    """
    before = env.model.opt.timestep
    substeps = fidelity.apply(SimpleNamespace(option=env.model.opt), ctrl_dt)
    if env.model.opt.timestep != before:
        if not hasattr(env, "frame_skip"):
            raise EnvsError("fidelity.sim_dt: this environment does not say how many substeps it takes (frame_skip)")
        env.frame_skip = substeps
    return substeps
