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
from .contract import GymContract, close_envs
from .task import GymTask

__all__ = ["require_lasting_model"]

_EPISODES, _STEPS = 5, 5  # that are looked at, and control steps of each


def require_lasting_model(task: Task, domain: Domain) -> None:
    """Require that what a domain writes into the model of a `gym:` environment lasts, and that this model is stepped.

    One environment is made, and run for a few short episodes to see, if the domain writes anything: physical
    parameters, a control period that varies, or a fidelity.

    Raises:
        EnvsError: when the environment makes another model, sets a field itself, or does not step the simulation that
            it shows; naming the environment and the parameters.
    """
    written = _written(domain)
    if not isinstance(task, GymTask) or task.is_plain or not written:
        return
    env: Any = task.make_env()
    try:
        task.contract.reset(env, 0)
        fields = sorted({field for fields in written.values() for field in fields})
        rebuilt, lost, moves = _run(task.contract, env, fields)
    finally:
        close_envs(task.name, [env])
    if not moves:
        raise EnvsError(
            f"{task.name}: {', '.join(written)} would act on nothing, as `data.time` stands still when the environment "
            "steps: it must step the `model` and `data` that it shows, or the domain leave them out"
        )
    names = [name for name, fields in written.items() if lost & set(fields)]
    if names:
        what = "makes its MjModel anew" if rebuilt else f"sets {', '.join(sorted(lost))} itself"
        raise EnvsError(
            f"{task.name}: {', '.join(names)} would act on nothing, as the environment {what} in reset or step; it "
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


def _run(contract: GymContract, env: Any, fields: list[str]) -> tuple[bool, set[str], bool]:
    """Run short episodes of an environment that has just been reset, with the actions nearest to zero.

    Returns:
        Whether it makes another model, which fields do not keep a number, and whether its `data.time` moves.
    """
    model, marks = env.model, {field: _mark(env.model, field) for field in fields}
    action, moves, lost = np.zeros((1, len(contract.low))), False, set[str]()
    for episode in range(1, _EPISODES + 1):
        for _ in range(_STEPS):
            time = float(env.data.time)
            try:
                ends = contract.step(env, contract.actions(action)[0])[2:4]
            except mujoco.FatalError:  # a fault of the simulation, which worlds survive
                break
            moves |= float(env.data.time) != time
            if any(ends) or env.model is not model:
                break
        for when in ("step", "reset"):
            if when == "reset":
                contract.reset(env, episode)
            if env.model is not model:
                return True, set(fields), True
            lost |= {field for field, mark in marks.items() if not np.array_equal(field_of(model, field), mark)}
    return False, lost, moves


def _mark(model: mujoco.MjModel, field: str) -> np.ndarray[Any, Any]:
    """Change a field a little, a whole number not at all, and return what it is then."""
    owner, name = (model.opt, field[4:]) if field.startswith("opt.") else (model, field)
    value = np.asarray(getattr(owner, name))
    if value.dtype == np.float64 and value.ndim:
        getattr(owner, name)[:] = value * 1.001 + 1e-6
    elif value.dtype == np.float64:
        setattr(owner, name, float(value) * 1.001)
    return field_of(model, field)
