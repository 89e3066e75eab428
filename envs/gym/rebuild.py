"""Environments of Gymnasium that do not keep the model they were made with: what a domain writes there is lost."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from ..domain.domain import Domain
from ..errors import EnvsError
from ..physics.fidelity import NOMINAL
from ..physics.fields.parameters import PARAMETERS
from ..physics.parameter import PhysicalParameter
from ..tasks.task import Task
from ..worlds.world_writer import field_of
from .contract import close_envs
from .task import GymTask

__all__ = ["require_lasting_model"]


def require_lasting_model(task: Task, domain: Domain) -> None:
    """Require that what a domain writes into the model of a `gym:` environment is still there after a reset.

    One environment is made and reset to see, if the domain writes anything: physical parameters, a control period that
    varies, or a fidelity.

    Raises:
        EnvsError: when a reset makes another model, or sets a field itself; naming the environment and the parameters.
    """
    written = _written(domain)
    if not isinstance(task, GymTask) or not written:
        return
    env: Any = task.make_env()
    try:
        env.reset(seed=0)
        rebuilt, lost = _lost_fields(env, sorted({field for fields in written.values() for field in fields}))
    finally:
        close_envs(task.name, [env])
    names = [name for name, fields in written.items() if lost & set(fields)]
    if names:
        what = "makes its MjModel anew" if rebuilt else f"sets {', '.join(sorted(lost))} itself"
        raise EnvsError(
            f"{task.name}: {', '.join(names)} would act on nothing, as the environment {what} at every reset; it "
            "must keep the model it was made with and leave these fields alone, or the domain leave them out (what "
            "lies in a channel works: action_*, observation_*, forces)"
        )


def _written(domain: Domain) -> dict[str, tuple[str, ...]]:
    """Return what a domain writes into the model: parameter, or `fidelity`, -> fields."""
    rows = {entry.parameter: PARAMETERS[entry.parameter] for entry in domain.entries}
    written = {name: row.fields for name, row in rows.items() if isinstance(row, PhysicalParameter)}
    if "control_jitter" in rows:
        written["control_jitter"] = ("opt.timestep",)
    if domain.fidelity != NOMINAL:
        chosen = [name for name, value in vars(domain.fidelity).items() if value is not None]
        written["fidelity"] = tuple("opt." + ("timestep" if name == "sim_dt" else name) for name in chosen)
    return written


def _lost_fields(env: Any, fields: list[str]) -> tuple[bool, set[str]]:
    """Return whether a reset makes another model, and which fields do not keep a number through it."""
    model, marks = env.model, {field: _mark(env.model, field) for field in fields}
    env.reset(seed=1)
    if env.model is not model:
        return True, set(fields)
    return False, {field for field, mark in marks.items() if not np.array_equal(field_of(env.model, field), mark)}


def _mark(model: mujoco.MjModel, field: str) -> np.ndarray[Any, Any]:
    """Change a field a little, a whole number not at all, and return what it is then."""
    owner, name = (model.opt, field[4:]) if field.startswith("opt.") else (model, field)
    value = np.asarray(getattr(owner, name))
    if value.dtype == np.float64 and value.ndim:
        getattr(owner, name)[:] = value * 1.001 + 1e-6
    elif value.dtype == np.float64:
        setattr(owner, name, float(value) * 1.001)
    return field_of(model, field)
