"""GymPhysics: worlds that are Gymnasium environments of someone else's, each with a model and data of its own.

Slower than mujoco.batch, as every world is stepped by its own Python code, but nothing of that code need be known:
model fields, forces and states are exchanged with the environment's MjModel and MjData.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import gymnasium
import mujoco
import numpy as np
from numpy.typing import NDArray

from .errors import EnvsError
from .fidelity import Fidelity
from .physics import FAULTS, SETCONST_INPUTS, Physics

__all__ = ["GymPhysics"]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]
State = dict[str, NDArray[np.generic]]
_STATE = mujoco.mjtState.mjSTATE_INTEGRATION
_EXCHANGED = ("qpos", "qvel", "xfrc_applied")  # what may be written from outside, beside model fields
_LONGEST = 10_000  # actions remembered where no time limit is known


class GymPhysics(Physics):
    """`num_envs` environments, stepped one after the other.

    Attributes:
        observations: (num_envs, obs_dim) what each environment last returned, flattened.
        rewards: (num_envs,) of the last step.
        terminations: (num_envs,) of the last step.
        infos: the numbers in the last step's infos, each (num_envs,), zero where an environment gave none.
    """

    compiles = False

    def __init__(
        self,
        make: Callable[[], gymnasium.Env[Any, Any]],
        num_envs: int,
        fidelity: Fidelity,
        max_episode_steps: int | None,
    ) -> None:
        """Make the environments.

        Args:
            make: makes one, unwrapped.
            num_envs: how many.
            fidelity: what replaces the options of each model.
            max_episode_steps: longest episode; its actions are remembered to continue bit for bit.

        Raises:
            EnvsError: when the fidelity does not fit.
        """
        if num_envs < 1:
            raise EnvsError(f"num_envs: must be >= 1, got {num_envs}")
        self.num_envs = num_envs
        self._envs: list[Any] = [make() for _ in range(num_envs)]
        first = self._envs[0]
        self.ctrl_dt = float(getattr(first, "dt", first.model.opt.timestep))
        for env in self._envs:
            self.substeps = _apply(fidelity, env, self.ctrl_dt)
        probe: Any = make()
        self.model = probe.model
        _apply(fidelity, SimpleNamespace(model=self.model, frame_skip=1), self.ctrl_dt)
        self._space = first.observation_space
        low, high = (np.asarray(end, np.float32) for end in (first.action_space.low, first.action_space.high))
        self.action_bounds = (low, high)
        self.action_names = tuple(f"action.{i}" for i in range(len(low)))
        self._scratch = mujoco.MjData(self.model)
        self._fields: dict[str, Array] = {}
        self._bound: dict[str, Array] = {}
        self.qpos, self.qvel = self.bind("qpos"), self.bind("qvel")
        self.bind("xfrc_applied")
        self.observations: Array = np.zeros((num_envs, gymnasium.spaces.flatdim(self._space)))
        self.rewards: Array = np.zeros(num_envs)
        self.terminations: NDArray[np.bool_] = np.zeros(num_envs, np.bool_)
        self.infos: dict[str, Array] = {}
        self._seeds = np.full(num_envs, -1, np.int64)
        self._lengths = np.zeros(num_envs, np.int64)
        self._actions: Array = np.zeros((num_envs, max_episode_steps or _LONGEST, len(low)))

    def bind(self, field: str) -> Array:
        """Return a (num_envs, ...) array over a field of MjData, refreshed at every step and restart."""
        if field not in self._bound:
            self._bound[field] = np.stack([np.array(getattr(env.data, field), np.float64) for env in self._envs])
        return self._bound[field]

    def expand(self, field: str) -> Array:
        """Return a (num_envs, ...) array over a model field or `opt.<name>`; `set_const` brings it to the models."""
        if field not in self._fields:
            owners = [_owner(env.model, field) for env in self._envs]
            self._fields[field] = np.stack([np.array(getattr(*owner), np.float64) for owner in owners])
        return self._fields[field]

    def set_const(self, ids: Ids, fields: Iterable[str]) -> None:
        """Bring the written `fields` of the worlds `ids` (n,) to their models, and recompute derived constants."""
        written = list(fields)
        stale = any(f in SETCONST_INPUTS or f.startswith("opt.") for f in written)
        for i in ids.tolist():
            model = self._envs[i].model
            for field in written:
                owner, name = _owner(model, field)
                row = self._fields[field][i]
                if row.ndim:
                    getattr(owner, name)[:] = row
                else:
                    setattr(owner, name, float(row))
            if stale:
                mujoco.mj_setConst(model, self._scratch)

    def reset(self, ids: Ids) -> None:
        """Leave the worlds as they are: `restart` follows."""

    def restart(self, ids: Ids, seeds: NDArray[np.int64]) -> None:
        """Reset the environments `ids` (n,) with `seeds` (n,)."""
        for i, seed in zip(ids.tolist(), seeds.tolist(), strict=True):
            self._seeds[i], self._lengths[i] = seed, 0
            obs, _ = self._envs[i].reset(seed=seed)
            self._take_in(i, obs)
            self.rewards[i], self.terminations[i] = 0.0, False

    def forward(self, ids: Ids) -> None:
        """Bring written states to the environments `ids` (n,) and compute what follows from them."""
        for i in ids.tolist():
            if self._bring_state(i):
                mujoco.mj_forward(self._envs[i].model, self._envs[i].data)
                self._refresh(i)

    def step(self, ctrl: NDArray[np.floating], active: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
        """Step every environment with its action.

        Args:
            ctrl: (num_envs, act_dim) actions, after the actuator channel.
            active: (num_envs,) the worlds that move; None for all.

        Returns:
            (num_envs,) the worlds that diverged or in which MuJoCo raised; what they returned is not to be used.
        """
        fault = np.zeros(self.num_envs, np.bool_)
        for values in self.infos.values():
            values[:] = 0.0
        for i in range(self.num_envs) if active is None else np.flatnonzero(active).tolist():
            if self._lengths[i] < self._actions.shape[1]:
                self._actions[i, self._lengths[i]] = ctrl[i]
            self._lengths[i] += 1
            fault[i] = not self._step_one(i, ctrl[i])
        return fault

    def _step_one(self, i: int, action: NDArray[np.floating]) -> bool:
        """Step environment `i`; return whether its state is sound."""
        env = self._envs[i]
        self._bring_state(i)
        try:
            obs, reward, terminated, _, info = env.step(action)
        except mujoco.FatalError:
            return False
        self._take_in(i, obs)
        self.rewards[i], self.terminations[i] = float(reward), bool(terminated)
        for key, value in info.items():
            if isinstance(value, int | float | np.number | np.bool_):
                self.infos.setdefault(key, np.zeros(self.num_envs))[i] = float(value)
        counters = env.data.warning.number[FAULTS]
        diverged = counters.any()
        env.data.warning.number[FAULTS] = 0
        return not diverged

    def _bring_state(self, i: int) -> bool:
        """Write what differs in qpos, qvel, xfrc_applied into environment `i`; return whether anything did."""
        changed = False
        for field in _EXCHANGED:
            held = getattr(self._envs[i].data, field)
            if not np.array_equal(held, self._bound[field][i]):
                held[:] = self._bound[field][i]
                changed = True
        return changed

    def _take_in(self, i: int, obs: Any) -> None:
        flat: Any = gymnasium.spaces.flatten(self._space, obs)
        self.observations[i] = flat
        self._refresh(i)

    def _refresh(self, i: int) -> None:
        for field, rows in self._bound.items():
            rows[i] = getattr(self._envs[i].data, field)

    def world(self, index: int) -> tuple[mujoco.MjModel, mujoco.MjData]:
        """Return the model and data that environment `index` itself uses."""
        return self._envs[index].model, self._envs[index].data

    def get_state(self) -> State:
        """Return MuJoCo's states, and how each episode came about: its seed and actions.

        Raises:
            EnvsError: when an episode is longer than actions are remembered.
        """
        if (self._lengths > self._actions.shape[1]).any():
            raise EnvsError(
                f"an episode of {self._lengths.max()} steps cannot be saved, its first {self._actions.shape[1]} "
                "actions are remembered; give the environment a time limit"
            )
        size = mujoco.mj_stateSize(self.model, _STATE)
        rows = np.zeros((self.num_envs, size))
        for env, row in zip(self._envs, rows, strict=True):
            mujoco.mj_getState(env.model, env.data, row, _STATE)
        names = ("seeds", "lengths", "actions")
        own = (self._seeds, self._lengths, self._actions)
        return {"rows": rows, **{name: value.copy() for name, value in zip(names, own, strict=True)}}

    def set_state(self, state: State) -> None:
        """Continue from what `get_state` returned.

        What an environment keeps outside MuJoCo is brought back by living through its episode again.
        """
        self._seeds[:], self._lengths[:], self._actions[:] = state["seeds"], state["lengths"], state["actions"]
        for i, env in enumerate(self._envs):
            if self._seeds[i] < 0:
                continue
            obs, _ = env.reset(seed=int(self._seeds[i]))
            for action in self._actions[i, : self._lengths[i]]:
                obs, *_ = env.step(action)
            row = np.zeros(state["rows"].shape[1])
            mujoco.mj_getState(env.model, env.data, row, _STATE)
            if not np.array_equal(row, state["rows"][i]):  # forces or parameters moved within the episode
                mujoco.mj_setState(env.model, env.data, np.asarray(state["rows"][i], np.float64), _STATE)
            self._take_in(i, obs)


def _owner(model: mujoco.MjModel, field: str) -> tuple[Any, str]:
    return (model.opt, field[4:]) if field.startswith("opt.") else (model, field)


def _apply(fidelity: Fidelity, env: Any, ctrl_dt: float) -> int:
    """Write the fidelity into an environment's model; return its substeps."""
    held = env.model.opt.timestep
    substeps = fidelity.apply(SimpleNamespace(option=env.model.opt), ctrl_dt)
    if env.model.opt.timestep != held:
        if not hasattr(env, "frame_skip"):
            raise EnvsError("fidelity.sim_dt: this environment does not tell how many substeps it takes (frame_skip)")
        env.frame_skip = substeps
    return substeps
