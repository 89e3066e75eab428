"""The model and data of an environment of Gymnasium: fields by name, the state as a row, the fidelity."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..errors import EnvsError
from ..physics.fidelity import Fidelity

__all__ = ["apply_fidelity", "read_field", "read_state_row", "require_alike", "write_field", "write_state_row"]

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


def write_field(model: mujoco.MjModel, field: str, value: Array) -> None:
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
            raise EnvsError("fidelity.sim_dt: this environment does not tell how many substeps it takes (frame_skip)")
        env.frame_skip = substeps
    return substeps
