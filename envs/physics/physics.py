"""Physics: a mujoco.batch.Batch whose worlds differ."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import mujoco
import numpy as np
from mujoco import batch
from numpy.typing import NDArray

from ..errors import EnvsError
from .fidelity import Fidelity
from .logs import compile_quietly
from .memory import allocating_worlds
from .nominal import actuator_names
from .rest_commands import RestCommands

__all__ = ["EXPANDABLE", "FAULTS", "SETCONST_INPUTS", "Physics", "available_cores", "exploded"]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]

# MuJoCo answers bad positions, velocities, accelerations and controls by silently resetting the world (or its
# controls); the counters, which stand next to each other, are how one learns of it.
FAULTS = slice(int(mujoco.mjtWarning.mjWARN_BADQPOS), int(mujoco.mjtWarning.mjWARN_BADCTRL) + 1)
SETCONST_INPUTS = frozenset(mujoco.MjModel._setconst_inputs)
LARGEST_STATE = 1e6  # m, rad, m/s or rad/s: no robot gets there, MuJoCo's own bound is 1e10
# The numbers among the model fields that may differ per world: integers are its structure.
_PROBE = mujoco.MjModel.from_xml_string("<mujoco/>")
EXPANDABLE = tuple(
    sorted(
        field
        for field in batch.MODEL_FIELDS
        if not field.startswith("opt.") and getattr(_PROBE, field, np.zeros(0, np.int32)).dtype == np.float64
    )
)


def available_cores() -> int:
    """Return the number of processor cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # absent on macOS and Windows
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def exploded(qpos: Array, qvel: Array) -> NDArray[np.bool_]:
    """Return in which worlds a position or velocity is beyond LARGEST_STATE or no number, (num_envs,).

    MuJoCo looks at the beginning of a substep, so that what explodes in the last one would get out.

    Args:
        qpos: (num_envs, nq)
        qvel: (num_envs, nv)
    """
    if max(np.abs(qpos).max(initial=0.0), np.abs(qvel).max(initial=0.0)) <= LARGEST_STATE:  # nearly always
        return np.zeros(len(qpos), np.bool_)
    within: NDArray[np.bool_] = np.all(np.abs(np.concatenate((qpos, qvel), axis=1)) <= LARGEST_STATE, axis=1)
    return ~within


def _compile_whole(spec: mujoco.MjSpec) -> mujoco.MjModel:
    """Return the compiled model; a copy of the spec would have lost, unsaid, what refers to a name that is unknown.

    Raises:
        EnvsError: with what MuJoCo says.
    """
    try:
        with compile_quietly():
            return spec.compile()
    except ValueError as error:
        raise EnvsError(f"the model does not compile: {' '.join(str(error).split())}") from error


# Flags that keep state outside a world's row of numbers, which mujoco.batch cannot save and restore, and their effect.
_UNSUPPORTED = {
    "sleep": "bodies at rest then stop being simulated",
    "ipc": "contacts are then resolved by incremental potentials",
}


def _require_supported(model: mujoco.MjModel) -> None:
    """Raise EnvsError for what mujoco.batch refuses, naming the element of the model to change."""
    for flag, effect in _UNSUPPORTED.items():
        if model.opt.enableflags & getattr(mujoco.mjtEnableBit, f"mjENBL_{flag.upper()}"):
            raise EnvsError(
                f'the model has <option><flag {flag}="enable"/></option> ({effect}), which batched simulation cannot '
                f'have, as its state is not all in the state vector; remove it or set {flag}="disable"'
            )


def _make_batch(model: mujoco.MjModel, num_envs: int, num_threads: int) -> batch.Batch:
    """Return the batch, one default state computed.

    Raises:
        EnvsError: when mujoco.batch cannot simulate the model: a flag it does not support, a Python callback.
    """
    _require_supported(model)
    try:
        worlds = batch.Batch(model, num_envs, num_threads)
        worlds.reset([0], stage=mujoco.mjtStage.mjSTAGE_NONE.value)
    except (ValueError, mujoco.FatalError, batch.SimulationError) as error:
        raise EnvsError(f"mujoco.batch cannot simulate the model: {' '.join(str(error).split())}") from error
    return worlds


def _command_bounds(model: mujoco.MjModel) -> tuple[Array, Array]:
    """Return the least and greatest commands, (nu,) each.

    They are the action space's, single precision. Where MuJoCo clips to the model's own range, in double precision,
    the range is the wider of both: an action at its end stays the number it is, and MuJoCo decides.
    """
    low, high = model.actuator_ctrlrange.T
    least, greatest = (np.asarray(end.astype(np.float32), np.float64) for end in (low, high))
    limited = model.actuator_ctrllimited != 0
    return np.where(limited, np.minimum(low, least), least), np.where(limited, np.maximum(high, greatest), greatest)


class Physics:
    """The simulated worlds: one model, `num_envs` states, and model fields that differ per world.

    Attributes:
        model: the model as compiled at this fidelity, its values the defaults all operations start from.
        substeps: simulation steps in a control step.
        ctrl_dt: control period, s.
        qpos: (num_envs, nq) live positions; a write is the state at the next step.
        qvel: (num_envs, nv) live velocities, likewise.
        action_names: (act_dim,) what an action drives.
        action_bounds: its least and greatest values, (act_dim,) each.
        commands: (num_envs, act_dim) live: what acted in the last step; behind a channel, and where MuJoCo does not
            clip, within the actions' range.
        handed: (num_envs, act_dim) what the last step was given, before it was clipped to that range.
        compiles: whether `variant` can be asked for.
    """

    compiles = True

    def __init__(
        self, spec: mujoco.MjSpec, num_envs: int, *, frame_skip: int, fidelity: Fidelity, num_threads: int = 0
    ) -> None:
        """Compile `spec` at `fidelity` for `num_envs` worlds.

        Args:
            spec: the model; its own timestep times `frame_skip` is the control period.
            num_envs: number of worlds.
            frame_skip: simulation steps in a control step at the model's own timestep.
            fidelity: what replaces the model's options.
            num_threads: threads that step worlds; 0 means all cores this process may use.

        Raises:
            EnvsError: when the fidelity does not fit, the model does not compile or a size is not positive.
        """
        if num_envs < 1:
            raise EnvsError(f"num_envs: must be >= 1, got {num_envs}")
        if num_threads < 0:
            raise EnvsError(f"num_threads: must be >= 0 (0: all cores), got {num_threads}")
        self.ctrl_dt = spec.option.timestep * frame_skip
        self.substeps = fidelity.apply(spec, self.ctrl_dt)
        self._spec = spec.copy()
        self.model = _compile_whole(spec)
        self.num_envs = num_envs
        self.action_names = actuator_names(self.model)
        low, high = self.model.actuator_ctrlrange.astype(np.float32).T
        self.action_bounds = (low, high)
        self._clips = not self.model.actuator_ctrllimited.all()
        self._nearest_zero: Array = np.clip(np.zeros(self.model.nu), low, high)
        self._command_bounds, self._rest = _command_bounds(self.model), RestCommands(self.model)
        with allocating_worlds(self.model, num_envs):
            self._batch = _make_batch(self.model, num_envs, num_threads or available_cores())
        self.qpos: Array = self._batch.bind("qpos")
        self.qvel: Array = self._batch.bind("qvel")
        self.commands: Array = self._batch.bind("ctrl")
        self.handed: NDArray[np.floating] = self.commands
        # The factor of the mass matrix with which elastic flexes are stepped holds the timestep.
        self._setconst_inputs = SETCONST_INPUTS | ({"opt.timestep"} if self.model.nefm0dof else set())
        self._start = self._default_row()
        self._fault_counters = self._batch.warning[:, FAULTS, 1]  # (num_envs, 4) live
        self._own_qpos0: Array | None = None  # (num_envs, nq) where robots are built differently

    def _default_row(self) -> Array:
        """Return the state (nstate,) of a world just reset: assigning it is cheaper than another reset."""
        row: Array = self._batch.state[0].copy()
        return row

    def bind(self, field: str) -> Array:
        """Return a live (num_envs, ...) array over a field of MjData."""
        bound: Array = self._batch.bind(field)
        return bound

    def expand(self, field: str) -> Array:
        """Return the live (num_envs, ...) values of an MjModel field, or of `opt.<name>`, made per world.

        After writing, call `set_const` on the worlds written.
        """
        expanded: Array = self._batch.expand(field)
        if field == "qpos0":
            self._own_qpos0 = expanded
        return expanded

    def set_const(self, ids: Ids, fields: Iterable[str]) -> None:
        """Recompute the constants MuJoCo derives from the written `fields`, in the worlds `ids` (n,)."""
        if any(field in self._setconst_inputs for field in fields):
            self._batch.set_const(ids)

    def moves(self, fields: Iterable[str]) -> None:
        """Note which model fields, or `xfrc_applied`, will be written within episodes: here all may be."""

    def variant(self, edit: Callable[[mujoco.MjSpec], None]) -> mujoco.MjModel:
        """Return the model as compiled after `edit` has changed a copy of its spec."""
        spec = self._spec.copy()
        edit(spec)
        with compile_quietly():
            return spec.compile()

    @property
    def start_qpos(self) -> Array:
        """The positions of the model's default, (num_envs, nq) where robots are built differently, else (nq,)."""
        found: Array = self.model.qpos0 if self._own_qpos0 is None else self._own_qpos0
        return found

    def reset(self, ids: Ids) -> None:
        """Set the state of the worlds `ids` (n,) to the model's default; writes and `forward` follow."""
        self._batch.state[ids] = self._start
        if self._own_qpos0 is not None:
            self.qpos[ids] = self._own_qpos0[ids]

    def forward(self, ids: Ids) -> None:
        """Compute everything that follows from the state, in the worlds `ids` (n,), as mj_forward."""
        self._batch.forward(ids)

    def rest_commands(self, ids: Ids) -> Array:
        """Return the commands that hold the poses of the worlds `ids` (k,), (k, act_dim), within the actions' range.

        See `RestCommands`. `follow_rest` must have been called, and then `forward`.
        """
        if not self._rest.depends_on_pose:
            return self._nearest_zero[None].repeat(len(ids), axis=0)
        gain, bias = (self._rows(field, ids) for field in ("actuator_gainprm", "actuator_biasprm"))
        return np.clip(self._rest.compute(self.bind("actuator_length")[ids], gain, bias), *self.action_bounds)

    def follow_rest(self) -> None:
        """Prepare for `rest_commands`: MuJoCo copies out the fields that are bound before it computes them."""
        if self._rest.depends_on_pose:
            self.bind("actuator_length")

    def _rows(self, field: str, ids: Ids) -> Array:
        """Return a model field in the worlds `ids` (k,), (k, ...), or (1, ...) where it is not made per world."""
        own = self._batch.expanded(field)
        rows: Array = getattr(self.model, field)[None] if own is None else own[ids]
        return rows

    def step(self, ctrl: NDArray[np.floating], active: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
        """Advance by one control step.

        Args:
            ctrl: (num_envs, nu) controls, clipped to the actuators' ranges, the same over all substeps.
            active: (num_envs,) the worlds that move; None for all.

        Returns:
            (num_envs,) the worlds that diverged or in which MuJoCo raised; their state is not to be used.
        """
        self.handed, self.commands[:] = ctrl, ctrl
        if self._clips or ctrl.dtype == np.float64:  # as what comes out of a channel; other actions MuJoCo clips
            low, high = self._command_bounds
            np.maximum(np.minimum(self.commands, high, out=self.commands), low, out=self.commands)
        fault = np.zeros(self.num_envs, np.bool_)
        try:
            self._batch.step(active, nstep=self.substeps)
        except batch.SimulationError as error:
            fault[error.ids] = True
        if self._fault_counters.any():
            fault |= self._fault_counters.any(axis=1)
            self._fault_counters[:] = 0  # the world's own reset would start them at 1 again, and hide the next fault
        return fault | exploded(self.qpos, self.qvel)

    def world(self, index: int) -> tuple[mujoco.MjModel, mujoco.MjData]:
        """Return world `index` as a model and data of its own, to render or to pass to any mj_ function."""
        return self._batch.get_model(index), self._batch.get_data(index)

    def close(self) -> None:
        """Release what the worlds hold beyond memory: here nothing."""

    def get_state(self) -> dict[str, NDArray[np.generic]]:
        """Return the state rows and warning counters of all worlds."""
        return {"rows": self._batch.state.copy(), "warnings": self._batch.warning.copy()}

    def set_state(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Continue from what `get_state` returned; the model fields are the caller's to write back."""
        self._batch.state[:] = state["rows"]
        self._batch.warning[:] = state["warnings"]
