"""GymPhysics: worlds that are Gymnasium environments of someone else's, each with a model and data of its own.

Slower than mujoco.batch, as every world is stepped by its own Python code, but nothing of that code need be known:
model fields, forces and states are exchanged with the environment's MjModel and MjData.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import gymnasium
import mujoco
import numpy as np
from numpy.typing import NDArray

from ..errors import EnvsError
from ..physics.fidelity import NOMINAL, Fidelity
from ..physics.memory import allocating_worlds
from ..physics.physics import FAULTS, Physics, exploded
from ..physics.rest_commands import RestCommands
from . import models
from .contract import GymContract, close_envs, note_numbers
from .episodes import GymEpisodes

__all__ = ["GymPhysics"]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]
State = dict[str, NDArray[np.generic]]
_EXCHANGED = ("qpos", "qvel", "xfrc_applied")  # what may be written from outside, beside model fields
_LONGEST = 10_000  # actions remembered where no time limit is known


class GymPhysics(Physics):
    """`num_envs` environments, stepped one after the other.

    Attributes:
        observations: (num_envs, obs_dim) what each environment last returned, flattened.
        rewards: (num_envs,) of the last step.
        terminations: (num_envs,) of the last step.
        truncations: (num_envs,) of the last step: what the environments themselves cut.
        infos: the numbers in the last step's infos, each (num_envs,), zero where an environment gave none.
        reset_infos: those in the infos of the last resets, likewise.
    """

    compiles = False

    def __init__(
        self,
        make: Callable[[], gymnasium.Env[Any, Any]],
        contract: GymContract,
        num_envs: int,
        fidelity: Fidelity,
        max_episode_steps: int | None,
    ) -> None:
        """Make the environments.

        Args:
            make: makes one, unwrapped.
            contract: what they take and return.
            num_envs: how many.
            fidelity: what replaces the options of each model.
            max_episode_steps: longest episode; its actions are remembered to continue bit for bit.

        Raises:
            EnvsError: when the fidelity does not fit, or models differ in size.
        """
        self.num_envs, self._contract = num_envs, contract
        self._envs: list[Any] = []
        self._close = weakref.finalize(self, close_envs, contract.name, self._envs)  # also when forgotten
        try:
            self._make_envs(make, fidelity)
        except BaseException:
            self.close()
            raise
        self._models, self._is_changed = [env.model for env in self._envs], fidelity != NOMINAL
        self._allocate(max_episode_steps or _LONGEST)

    def _make_envs(self, make: Callable[[], gymnasium.Env[Any, Any]], fidelity: Fidelity) -> None:
        """Make the environments, and one more for its model, with the defaults that operations start from."""
        self._envs.append(make())
        with allocating_worlds(self._envs[0].model, self.num_envs):
            self._envs.extend(make() for _ in range(self.num_envs))  # keeps those made before one fails
        models.require_alike(self._contract.name, self._envs)
        self.ctrl_dt = float(getattr(self._envs[0], "dt", self._envs[0].model.opt.timestep))
        self.model = self._envs[-1].model
        models.apply_fidelity(fidelity, SimpleNamespace(model=self.model, frame_skip=1), self.ctrl_dt)
        for env in self._envs[:-1]:
            self.substeps = models.apply_fidelity(fidelity, env, self.ctrl_dt)
        close_envs(self._contract.name, [self._envs.pop()])

    def _allocate(self, longest: int) -> None:
        """Make the arrays over all environments; episodes of at most `longest` steps are remembered."""
        num_envs, contract = self.num_envs, self._contract
        with np.errstate(over="ignore"):  # beyond single precision there is no bound
            low, high = (np.asarray(end, np.float32) for end in (contract.low, contract.high))
        self.action_bounds = (low, high)
        self.action_names = tuple(f"action.{i}" for i in range(len(low)))
        self.commands: Array = np.zeros((num_envs, len(low)))
        self.handed: NDArray[np.floating] = self.commands
        self._scratch, self._rest = mujoco.MjData(self.model), RestCommands(self.model)
        self._fields: dict[str, Array] = {}
        self._brought: list[dict[str, Array]] = [{} for _ in self._envs]  # fields as they were last written
        self._bound: dict[str, Array] = {}
        self.qpos, self.qvel = self.bind("qpos"), self.bind("qvel")
        self.bind("xfrc_applied")
        self.observations: Array = np.zeros((num_envs, len(contract.observation_names)))
        self.rewards: Array = np.zeros(num_envs)
        self.terminations: NDArray[np.bool_] = np.zeros(num_envs, np.bool_)
        self.truncations: NDArray[np.bool_] = np.zeros(num_envs, np.bool_)
        self.infos: dict[str, Array] = {}
        self.reset_infos: dict[str, Array] = {}
        self._episodes = GymEpisodes(num_envs, len(low), contract.low.dtype, longest)

    def close(self) -> None:
        """Close the environments, once."""
        self._close()

    def bind(self, field: str) -> Array:
        """Return a (num_envs, ...) array over a field of MjData, refreshed at every step and restart."""
        if field not in self._bound:
            self._bound[field] = np.stack([np.array(getattr(env.data, field), np.float64) for env in self._envs])
        return self._bound[field]

    def expand(self, field: str) -> Array:
        """Return a (num_envs, ...) array over a model field or `opt.<name>`; `set_const` brings it to the models."""
        if field not in self._fields:
            self._fields[field] = np.stack([models.read_field(env.model, field) for env in self._envs])
        return self._fields[field]

    def set_const(self, ids: Ids, fields: Iterable[str]) -> None:
        """Bring the written `fields` of the worlds `ids` (n,) to their models, see `bring_fields`.

        Raises:
            EnvsError: when an environment has set one of them itself since.
        """
        written = list(fields)
        for i in ids.tolist():
            values, brought = {field: self._fields[field][i] for field in written}, self._brought[i]
            brought |= models.bring_fields(self._contract.name, self._envs[i].model, self._scratch, values, brought)

    def moves(self, fields: Iterable[str]) -> None:
        """Remember these fields at every step, as a saved episode is lived through again."""
        for field in fields:
            row = self.bind(field)[0] if field in _EXCHANGED else self.expand(field)[0]
            self._episodes.follow(field, row.size)

    def reset(self, ids: Ids) -> None:
        """Leave the worlds as they are: `restart` follows."""

    def restart(self, ids: Ids, seeds: NDArray[np.int64]) -> None:
        """Reset the environments `ids` (n,) with `seeds` (n,)."""
        for values in self.reset_infos.values():
            values[ids] = 0.0
        for i, seed in zip(ids.tolist(), seeds.tolist(), strict=True):
            models.require_kept(self._contract.name, self._envs[i].model, self._brought[i])
            self._episodes.begin(i, seed)
            obs, info = self._contract.reset(self._envs[i], seed)
            self._take_in(i, obs)
            note_numbers(info, i, self.reset_infos, self.num_envs)
            self.rewards[i], self.terminations[i], self.truncations[i] = 0.0, False, False

    def rest_commands(self, ids: Ids) -> Array:
        """Return the actions that hold the poses of the environments `ids` (k,), (k, act_dim), within their space.

        Where the action space is the range of the model's controls, an action is taken for the controls, as in
        Gymnasium's own environments, and `RestCommands` says which. Of any other nothing is known: its rest is 0, or
        the end of the space nearest to it.
        """
        rest: Array = np.zeros((len(ids), len(self._contract.low)))
        if self._rest.depends_on_pose and self._contract.is_range_of_controls(self.model):
            for row, i in zip(rest, ids.tolist(), strict=True):
                model = self._envs[i].model
                self._scratch.qpos[:] = self._envs[i].data.qpos
                mujoco.mj_fwdPosition(model, self._scratch)
                gain, bias = model.actuator_gainprm[None], model.actuator_biasprm[None]
                row[:] = self._rest.compute(self._scratch.actuator_length[None], gain, bias)[0]
        return np.clip(rest, self._contract.low, self._contract.high)

    def follow_rest(self) -> None:
        """Do nothing: `rest_commands` looks at the environments themselves."""

    def forward(self, ids: Ids) -> None:
        """Bring written states to the environments `ids` (n,) and compute what follows from them."""
        for i in ids.tolist():
            if self._bring_state(i):
                mujoco.mj_forward(self._envs[i].model, self._envs[i].data)
                self._refresh(i)

    def step(self, ctrl: NDArray[np.floating], active: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
        """Step every environment with its action.

        Args:
            ctrl: (num_envs, act_dim) actions, after the actuator channel; the environments get them within their
                action space, in its precision.
            active: (num_envs,) the worlds that move; None for all.

        Returns:
            (num_envs,) the worlds that diverged or in which MuJoCo raised; what they returned is not to be used.
        """
        fault = np.zeros(self.num_envs, np.bool_)
        for values in self.infos.values():
            values[:] = 0.0
        moving = np.arange(self.num_envs) if active is None else np.flatnonzero(active)
        self.handed, actions = ctrl, self._contract.actions(ctrl)
        self.commands[moving] = actions[moving]
        for i in moving.tolist():
            self._episodes.note(i, actions[i], {field: self._held(field)[i] for field in self._episodes.followed})
            fault[i] = not self._step_one(i, actions[i])
        fault[moving] |= exploded(self.qpos[moving], self.qvel[moving])
        return fault

    def _held(self, field: str) -> Array:
        """Return what there is of a field that may be written from outside, (num_envs, ...)."""
        return self._bound[field] if field in _EXCHANGED else self._fields[field]

    def _step_one(self, i: int, action: NDArray[np.floating]) -> bool:
        """Step environment `i`; return whether its state is sound."""
        env = self._envs[i]
        self._bring_state(i)
        try:
            returned = self._contract.step(env, action)
        except mujoco.FatalError:
            return False
        obs, self.rewards[i], self.terminations[i], self.truncations[i], info = returned
        self._take_in(i, obs)
        note_numbers(info, i, self.infos, self.num_envs)
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

    def _take_in(self, i: int, obs: NDArray[np.number]) -> None:
        if self._envs[i].model is not self._models[i] and (self._fields or self._is_changed):
            raise EnvsError(
                f"{self._contract.name}: has made its MjModel anew, so the domain's parameters and fidelity act on "
                "nothing from here on; it must keep the model it was made with, or the domain leave them out"
            )
        self.observations[i] = obs
        self._refresh(i)

    def _refresh(self, i: int) -> None:
        for field, rows in self._bound.items():
            rows[i] = getattr(self._envs[i].data, field)

    def world(self, index: int) -> tuple[mujoco.MjModel, mujoco.MjData]:
        """Return the model and data that environment `index` itself uses."""
        return self._envs[index].model, self._envs[index].data

    def get_state(self) -> State:
        """Return MuJoCo's states, and how each episode came about; see `GymEpisodes.get_state`."""
        return {"rows": np.stack([models.read_state_row(env) for env in self._envs]), **self._episodes.get_state()}

    def set_state(self, state: State) -> None:
        """Continue from what `get_state` returned.

        What an environment keeps outside MuJoCo is brought back by living through its episode again.
        """
        self._episodes.set_state(state)
        for i in np.flatnonzero(self._episodes.seeds >= 0).tolist():
            self._live_again(i, np.asarray(state["rows"][i], np.float64))

    def _live_again(self, i: int, row: Array) -> None:
        """Bring environment `i` to the state `row` (nstate,) by its episode's seed and actions."""
        env = self._envs[i]
        now = {field: values[i].copy() for field, values in self._fields.items()}
        written = [field for field in self._episodes.followed if field not in _EXCHANGED]
        obs, _ = self._contract.reset(env, int(self._episodes.seeds[i]))
        for action, moved in self._episodes.steps(i):
            for field, values in moved.items():
                if field in _EXCHANGED:
                    getattr(env.data, field).flat[:] = values
                else:
                    self._fields[field][i] = values.reshape(now[field].shape)
            self.set_const(np.array([i]), written)
            try:
                obs, *_, info = self._contract.step(env, action)
            except mujoco.FatalError:  # as it did then: a fault, whose state comes from outside below
                continue
            note_numbers(info, i, self.infos, self.num_envs)
        for field, values in now.items():
            self._fields[field][i] = values
        self.set_const(np.array([i]), written)
        if not np.array_equal(models.read_state_row(env), row):  # a state was written from outside
            models.write_state_row(env, row)
        self._take_in(i, obs)
