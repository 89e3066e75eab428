"""Any gymnasium VectorEnv as a stable-baselines3 VecEnv, without a Python loop over worlds."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from ..errors import AgentsError, CheckpointError
from ..memory import require_memory
from .groups import POLICY, PRIVILEGED, RowBuilder, RowLayout, make_row_space, require_shape
from .transition import Transition

__all__ = ["VectorAdapter"]


class VectorAdapter(VecEnv):
    """Steps all worlds at once and keeps count of episodes as arrays.

    The environment must reset an ended world in the same step (autoreset SAME_STEP) and hand its last
    observation over in infos["final_obs"] with mask infos["_final_obs"]: an array (num_envs, obs_dim), or
    gymnasium's array of objects. `step_arrays` is for learners that work on arrays; `step` builds
    stable-baselines3's dictionaries, filled for ended worlds only.

    Where the environment names its `reward_terms`, which every step's infos hold as arrays (num_envs,), ended episodes
    report the sum of each as `reward/<term>`, without a leading `reward_`.

    Observations are rows of the groups that `layout` names, see `groups`; of an environment that shows a single vector,
    the group `policy`, they are that vector. With `history` above 1, short for a layout, they are windows over its last
    `history` steps (see WindowSpace): an ended world's final observation is the window of the episode that ended, its
    observation that of the new one.
    """

    def __init__(
        self,
        env: VectorEnv[Any, Any, Any],
        seed: int | None = None,
        history: int = 1,
        layout: RowLayout | None = None,
    ) -> None:
        """Adapt `env`; `seed` is for the first reset only. AgentsError if the environment does not fit."""
        mode = env.metadata.get("autoreset_mode")
        if mode != AutoresetMode.SAME_STEP:
            raise AgentsError(
                f"autoreset mode of {env} is {mode}: worlds must reset in the step they end in "
                "(autoreset_mode=AutoresetMode.SAME_STEP)"
            )
        self.env = env
        layout = RowLayout({POLICY: history}) if layout is None else layout
        _require_room(env, layout)
        _require_privileged(env, layout)
        seen = make_row_space(env.single_observation_space, env.single_action_space, layout)
        super().__init__(env.num_envs, seen, env.single_action_space)
        self._rows = RowBuilder(seen, env.num_envs)
        if seed is not None:
            self._seeds = [seed + world for world in range(self.num_envs)]
        self.steps = 0  # world-steps taken
        self.episodes = 0  # episodes ended, either way
        self.terminations = 0  # episodes ended by the task itself: falls
        self._returns = np.zeros(self.num_envs)
        self._terms = {name: np.zeros(self.num_envs) for name in getattr(env, "reward_terms", ())}
        self._lengths = np.zeros(self.num_envs, np.int64)
        self._start = time.monotonic()
        self._actions: NDArray[Any] | None = None

    @property
    def counts(self) -> dict[str, int]:
        """World-steps taken, episodes ended, and how many of those the task itself ended."""
        return {"steps": self.steps, "episodes": self.episodes, "terminations": self.terminations}

    def reset(self) -> NDArray[np.float32]:
        """Reset all worlds and return their rows (num_envs, dim)."""
        obs, _ = self.env.reset(seed=self._seeds[0], options=self._options[0] or None)
        self._reset_seeds()
        self._reset_options()
        for total in (self._returns, *self._terms.values(), self._lengths):
            total[:] = 0
        self._rows.begin(obs)
        return self._rows.rows()

    def step_arrays(self, actions: NDArray[Any]) -> Transition:
        """Step all worlds by `actions` (num_envs, action_dim), within the bounds of the action space."""
        obs, reward, terminated, truncated, infos = self.env.step(actions)
        reward = np.array(reward, np.float64)
        terminated, truncated = np.array(terminated, bool), np.array(truncated, bool)
        ended = np.flatnonzero(terminated | truncated)
        self._returns += reward
        for name, total in self._terms.items():
            total += infos[name]
        self._lengths += 1
        self.steps += self.num_envs
        episodes: list[dict[str, float]] = []
        if ended.size:
            episodes = self._close_episodes(ended, terminated)
        seen, final_obs = self._remember(actions, obs, ended, infos)
        return Transition(seen, reward, terminated, truncated, ended, final_obs, episodes, infos)

    def _remember(
        self, actions: NDArray[Any], obs: Any, ended: NDArray[np.intp], infos: Mapping[str, Any]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the rows after a step, (num_envs, dim), and the last ones (num_ended, dim) of ended episodes."""
        if not ended.size:
            self._rows.push(actions, obs)
            seen = self._rows.rows()
            return seen, seen[ended]
        self._require_final_obs(infos, ended)
        self._rows.push(actions, _replaced(obs, infos["final_obs"], ended))
        final = self._rows.rows()[ended]
        self._rows.begin(_picked(obs, ended), ended)
        return self._rows.rows(), final

    def _require_final_obs(self, infos: Mapping[str, Any], ended: NDArray[np.intp]) -> None:
        """Raise AgentsError unless the environment hands the last observations of all ended worlds over."""
        if "final_obs" not in infos:
            raise AgentsError(f"worlds {ended.tolist()} ended without infos['final_obs']: {self.env} must hand it over")
        mask = np.asarray(infos.get("_final_obs", np.ones(self.num_envs, bool)))
        if not mask[ended].all():
            raise AgentsError(f"worlds {ended[~mask[ended]].tolist()} ended but infos['_final_obs'] does not say so")

    def _close_episodes(self, ended: NDArray[np.intp], terminated: NDArray[np.bool_]) -> list[dict[str, float]]:
        """Count the ended episodes; return r (return), l (steps), t (seconds so far), terms, and start new ones."""
        elapsed = round(time.monotonic() - self._start, 6)
        totals = zip(self._returns[ended].tolist(), self._lengths[ended].tolist(), strict=True)
        episodes: list[dict[str, float]] = [{"r": total, "l": length, "t": elapsed} for total, length in totals]
        for name, sums in self._terms.items():
            for episode, value in zip(episodes, sums[ended].tolist(), strict=True):
                episode[f"reward/{name.removeprefix('reward_')}"] = value
            sums[ended] = 0.0
        self.episodes += len(episodes)
        self.terminations += int(terminated[ended].sum())
        self._returns[ended] = 0.0
        self._lengths[ended] = 0
        return episodes

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions (num_envs, action_dim) for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Step and return what stable-baselines3 expects: obs, rewards, dones, one dictionary a world."""
        if self._actions is None:
            raise AgentsError("step_wait() without step_async(): there are no actions to step by")
        actions, self._actions = self._actions, None
        result = self.step_arrays(actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for row, world in enumerate(result.ended.tolist()):
            infos[world] = self.info_of_ended(result, row)
        return result.obs, result.reward.astype(np.float32), result.done, infos

    @staticmethod
    def info_of_ended(transition: Transition, row: int) -> dict[str, Any]:
        """Return stable-baselines3's info of the world that is `row` in `transition.ended`."""
        world = transition.ended[row]
        return {
            "episode": transition.episodes[row],
            "terminal_observation": transition.final_obs[row],
            "TimeLimit.truncated": bool(transition.truncated[world] and not transition.terminated[world]),
        }

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Return all that is needed to continue bit for bit, the environment's own state under `env.`.

        Raises CheckpointError if the environment cannot hand its state over as arrays.
        """
        if not hasattr(self.env, "get_state"):
            raise CheckpointError(f"{self.env} has no get_state(): a run on it cannot be continued exactly")
        counters = np.array([self.steps, self.episodes, self.terminations], np.int64)
        state: dict[str, NDArray[Any]] = {"counters": counters}
        state |= self._own_arrays()
        state |= self._rows.get_state()
        state |= {f"env.{name}": np.asarray(value) for name, value in self.env.get_state().items()}
        for name, value in state.items():
            if value.dtype.kind not in "biuf":
                raise CheckpointError(f"state {name!r} of {self.env} is {value.dtype}: it must be an array of numbers")
        return {name: value.copy() for name, value in state.items()}

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `get_state` returned; CheckpointError on missing or mis-shaped entries."""
        own = self._own_arrays()
        for name, value in own.items():
            require_shape(state, name, value.shape)
        self._rows.set_state(state)
        inner = {name.removeprefix("env."): value for name, value in state.items() if name.startswith("env.")}
        self.env.set_state(inner)  # type: ignore[attr-defined]
        for name, value in own.items():
            value[:] = state[name]
        self.steps, self.episodes, self.terminations = (int(value) for value in state["counters"])

    def _own_arrays(self) -> dict[str, NDArray[Any]]:
        terms = {f"terms.{name}": total for name, total in self._terms.items()}
        return {"returns": self._returns, "lengths": self._lengths, **terms}

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return the environment's attribute, once for every world asked for."""
        return [getattr(self.env, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of the environment; it is one object, so for all worlds at once."""
        setattr(self.env, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        """Call a method of the environment once and return its result for every world asked for."""
        return [getattr(self.env, method_name)(*args, **kwargs)] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: type[Any], indices: VecEnvIndices = None) -> list[bool]:
        """No world is wrapped on its own."""
        return [False] * len(list(self._get_indices(indices)))

    def get_images(self) -> Sequence[NDArray[Any] | None]:
        """Return what the environment renders, one image a world."""
        images: Any = self.env.render()
        return [None] * self.num_envs if images is None else list(images)

    def close(self) -> None:
        """Close the environment."""
        self.env.close()


def _replaced(obs: Any, final: Any, ended: NDArray[np.intp]) -> Any:
    """Return what worlds show with the last observations of the `ended` ones in the place of the new first ones."""
    if isinstance(obs, Mapping):
        groups = final if isinstance(final, Mapping) else _stacked(final, ended)
        return {name: _replaced(array, groups[name], ended) for name, array in obs.items()}
    reached, rows = np.array(obs), final[ended]
    reached[ended] = np.stack(list(rows)) if rows.dtype == object else rows
    return reached


def _stacked(final: NDArray[Any], ended: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
    """Return Gymnasium's array of objects, a dictionary a world, as one of arrays (num_envs, ...)."""
    groups = {}
    for name, value in final[ended[0]].items():
        groups[name] = np.zeros((len(final), *np.shape(value)), np.asarray(value).dtype)
        for world in ended:
            groups[name][world] = final[world][name]
    return groups


def _picked(obs: Any, ids: NDArray[np.intp]) -> Any:
    return {name: array[ids] for name, array in obs.items()} if isinstance(obs, Mapping) else obs[ids]


def _require_room(env: VectorEnv[Any, Any, Any], layout: RowLayout) -> None:
    """Raise AgentsError where windows of all worlds, and their bounds, do not fit the machine."""
    shown, action_dim = env.single_observation_space, math.prod(env.single_action_space.shape or ())
    groups = shown.spaces if isinstance(shown, spaces.Dict) else {POLICY: shown}
    widths = {name: math.prod(groups[name].shape or ()) for name in layout.steps if name in groups}
    slots = sum(layout.steps[name] * (width + action_dim + 1) for name, width in widths.items())
    require_memory({"encoder.length": 8 * slots * (env.num_envs + 4)})


def _require_privileged(env: VectorEnv[Any, Any, Any], layout: RowLayout) -> None:
    """Raise AgentsError where the environment names the entries of `privileged`, and they are others."""
    shown = getattr(env, "groups", {}).get(PRIVILEGED)
    if PRIVILEGED in layout.steps and shown is not None and tuple(shown.names) != layout.privileged:
        raise AgentsError(
            f"worlds show {', '.join(shown.names)} in group {PRIVILEGED!r}, the agent reads "
            f"{', '.join(layout.privileged) or 'nothing'}"
        )
