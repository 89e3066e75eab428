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
from .history import HistoryWindow, WindowSpace
from .privileged import PrivilegedSpace, PrivilegedWindow
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

    With `history` above 1, observations are windows over the last `history` steps (see WindowSpace): an ended
    world's final observation is the window of the episode that ended, its observation that of the new one.

    With names of world `parameters` there is room for those behind the window (see PrivilegedSpace). It stays empty
    unless `tell_parameters` is called, so that no world tells what it must not.
    """

    def __init__(
        self,
        env: VectorEnv[Any, Any, Any],
        seed: int | None = None,
        history: int = 1,
        parameters: Sequence[str] = (),
    ) -> None:
        """Adapt `env`; `seed` is for the first reset only. AgentsError if the environment does not fit."""
        mode = env.metadata.get("autoreset_mode")
        if mode != AutoresetMode.SAME_STEP:
            raise AgentsError(
                f"autoreset mode of {env} is {mode}: worlds must reset in the step they end in "
                "(autoreset_mode=AutoresetMode.SAME_STEP)"
            )
        space = env.single_observation_space
        if not isinstance(space, spaces.Box) or len(space.shape) != 1:
            raise AgentsError(f"observations must be one vector (Box of one axis), not {space}")
        self.env = env
        low, high = space.low.astype(np.float32), space.high.astype(np.float32)
        seen: spaces.Box = spaces.Box(low, high, dtype=np.float32)
        slots = history * (space.shape[0] + math.prod(env.single_action_space.shape or ()) + 1)
        require_memory({"encoder.length": 8 * slots * (env.num_envs + 4)})  # windows of all worlds, and their bounds
        if parameters:
            seen = PrivilegedSpace(seen, env.single_action_space, history, parameters)
        elif history != 1:
            seen = WindowSpace(seen, env.single_action_space, history)
        super().__init__(env.num_envs, seen, env.single_action_space)
        self._window = seen.window(env.num_envs) if isinstance(seen, WindowSpace) else None
        self._told: PrivilegedWindow | None = None  # the window, once the worlds tell their parameters
        if seed is not None:
            self._seeds = [seed + world for world in range(self.num_envs)]
        self.steps = 0  # world-steps taken
        self.episodes = 0  # episodes ended, either way
        self.terminations = 0  # episodes ended by the task itself: falls
        self._returns = np.zeros(self.num_envs)
        self._terms = {name: np.zeros(self.num_envs) for name in getattr(env, "reward_terms", ())}
        self._lengths = np.zeros(self.num_envs, np.int64)
        self._obs = np.zeros((self.num_envs, *space.shape), np.float32)
        self._start = time.monotonic()
        self._actions: NDArray[Any] | None = None

    @property
    def counts(self) -> dict[str, int]:
        """World-steps taken, episodes ended, and how many of those the task itself ended."""
        return {"steps": self.steps, "episodes": self.episodes, "terminations": self.terminations}

    def tell_parameters(self) -> None:
        """Let the worlds tell their parameters from the next reset on: for worlds of the source, never for a target's.

        Raises AgentsError if the environment has no `world_parameters()`, or others than this adapter has room for.
        """
        if not isinstance(self._window, PrivilegedWindow):
            raise AgentsError("there is no room for world parameters: name them, VectorAdapter(env, parameters=...)")
        assert isinstance(self.observation_space, PrivilegedSpace)
        wanted, names = self.observation_space.parameters, getattr(self.env, "world_parameter_names", None)
        if names is None:
            raise AgentsError(f"{self.env} has no world_parameter_names: its worlds cannot tell their parameters")
        if tuple(names) != wanted:
            raise AgentsError(f"worlds tell {', '.join(names) or 'nothing'}, wanted are {', '.join(wanted)}")
        self._told = self._window

    def _begin(self, window: HistoryWindow, ids: NDArray[np.intp] | None = None) -> None:
        """Start an episode in worlds `ids` (None: all) of the window; what they tell is constant until the next."""
        window.begin(self._obs if ids is None else self._obs[ids], ids)
        if self._told is not None:
            self._told.tell(self.env.world_parameters())  # type: ignore[attr-defined]

    def reset(self) -> NDArray[np.float32]:
        """Reset all worlds and return observations (num_envs, obs_dim), or windows."""
        obs, _ = self.env.reset(seed=self._seeds[0], options=self._options[0] or None)
        self._reset_seeds()
        self._reset_options()
        self._obs = np.array(obs, np.float32)
        for total in (self._returns, *self._terms.values(), self._lengths):
            total[:] = 0
        if self._window is None:
            return self._obs.copy()
        self._begin(self._window)
        return self._window.window()

    def step_arrays(self, actions: NDArray[Any]) -> Transition:
        """Step all worlds by `actions` (num_envs, action_dim), within the bounds of the action space."""
        obs, reward, terminated, truncated, infos = self.env.step(actions)
        self._obs = np.array(obs, np.float32)
        reward = np.array(reward, np.float64)
        terminated, truncated = np.array(terminated, bool), np.array(truncated, bool)
        ended = np.flatnonzero(terminated | truncated)
        self._returns += reward
        for name, total in self._terms.items():
            total += infos[name]
        self._lengths += 1
        self.steps += self.num_envs
        final_obs = np.empty((0, *self._obs.shape[1:]), np.float32)
        episodes: list[dict[str, float]] = []
        if ended.size:
            final_obs = self._read_final_obs(infos, ended)
            episodes = self._close_episodes(ended, terminated)
        seen = self._obs.copy()
        if self._window is not None:
            seen, final_obs = self._remember(actions, ended, final_obs)
        return Transition(seen, reward, terminated, truncated, ended, final_obs, episodes, infos)

    def _remember(
        self, actions: NDArray[Any], ended: NDArray[np.intp], final_obs: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the windows after a step, (num_envs, D), and the last ones (num_ended, D) of ended episodes."""
        assert self._window is not None
        reached = self._obs.copy()
        reached[ended] = final_obs
        self._window.push(actions, reached)
        seen = self._window.window()
        if not ended.size:
            return seen, seen[ended]
        self._begin(self._window, ended)
        return self._window.window(), seen[ended]

    def _read_final_obs(self, infos: Mapping[str, Any], ended: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the last observations (num_ended, obs_dim) of the ended worlds."""
        if "final_obs" not in infos:
            raise AgentsError(f"worlds {ended.tolist()} ended without infos['final_obs']: {self.env} must hand it over")
        mask = np.asarray(infos.get("_final_obs", np.ones(self.num_envs, bool)))
        if not mask[ended].all():
            raise AgentsError(f"worlds {ended[~mask[ended]].tolist()} ended but infos['_final_obs'] does not say so")
        rows = infos["final_obs"][ended]
        return (
            np.stack([np.asarray(row, np.float32) for row in rows]) if rows.dtype == object else rows.astype(np.float32)
        )

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
        state |= self._window.get_state() if self._window is not None else {}
        state |= {f"env.{name}": np.asarray(value) for name, value in self.env.get_state().items()}
        for name, value in state.items():
            if value.dtype.kind not in "biuf":
                raise CheckpointError(f"state {name!r} of {self.env} is {value.dtype}: it must be an array of numbers")
        return {name: value.copy() for name, value in state.items()}

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `get_state` returned; CheckpointError on missing or mis-shaped entries."""
        own = self._own_arrays()
        for name, value in own.items():
            if name not in state or state[name].shape != value.shape:
                found = state[name].shape if name in state else "missing"
                raise CheckpointError(f"state {name!r} must have shape {value.shape}, it is {found}: same num_envs?")
        if self._window is not None:
            self._window.set_state(state)
        inner = {name.removeprefix("env."): value for name, value in state.items() if name.startswith("env.")}
        self.env.set_state(inner)  # type: ignore[attr-defined]
        for name, value in own.items():
            value[:] = state[name]
        self.steps, self.episodes, self.terminations = (int(value) for value in state["counters"])

    def _own_arrays(self) -> dict[str, NDArray[Any]]:
        terms = {f"terms.{name}": total for name, total in self._terms.items()}
        return {"returns": self._returns, "lengths": self._lengths, "obs": self._obs, **terms}

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
