"""Any gymnasium VectorEnv as a stable-baselines3 VecEnv, without a Python loop over worlds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from .errors import AgentsError, CheckpointError
from .transition import Transition

__all__ = ["VectorAdapter"]


class VectorAdapter(VecEnv):
    """Steps all worlds at once and keeps count of episodes as arrays.

    The environment must reset an ended world in the same step (autoreset SAME_STEP) and hand its last
    observation over in infos["final_obs"] with mask infos["_final_obs"]: an array (num_envs, obs_dim), or
    gymnasium's array of objects. `step_arrays` is for learners that work on arrays; `step` builds
    stable-baselines3's dictionaries, filled for ended worlds only.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], seed: int | None = None) -> None:
        """Adapt `env`; `seed` is for the first reset only. AgentsError if the environment does not fit."""
        mode = env.metadata.get("autoreset_mode")
        if mode != AutoresetMode.SAME_STEP:
            raise AgentsError(
                f"autoreset mode of {env} is {mode}: worlds must reset in the step they end in (SAME_STEP)"
            )
        space = env.single_observation_space
        if not isinstance(space, spaces.Box) or len(space.shape) != 1:
            raise AgentsError(f"observations must be one vector (Box of one axis), not {space}")
        self.env = env
        low, high = space.low.astype(np.float32), space.high.astype(np.float32)
        super().__init__(env.num_envs, spaces.Box(low, high, dtype=np.float32), env.single_action_space)
        if seed is not None:
            self._seeds = [seed + world for world in range(self.num_envs)]
        self.steps = 0  # world-steps taken
        self.episodes = 0  # episodes ended, either way
        self.terminations = 0  # episodes ended by the task itself: falls
        self._returns = np.zeros(self.num_envs)
        self._lengths = np.zeros(self.num_envs, np.int64)
        self._obs = np.zeros((self.num_envs, *space.shape), np.float32)
        self._start = time.monotonic()
        self._actions: NDArray[Any] | None = None

    @property
    def counts(self) -> dict[str, int]:
        """World-steps taken, episodes ended, and how many of those the task itself ended."""
        return {"steps": self.steps, "episodes": self.episodes, "terminations": self.terminations}

    def reset(self) -> NDArray[np.float32]:
        """Reset all worlds and return observations (num_envs, obs_dim)."""
        obs, _ = self.env.reset(seed=self._seeds[0], options=self._options[0] or None)
        self._reset_seeds()
        self._reset_options()
        self._obs = np.array(obs, np.float32)
        self._returns[:] = 0.0
        self._lengths[:] = 0
        return self._obs.copy()

    def step_arrays(self, actions: NDArray[Any]) -> Transition:
        """Step all worlds by `actions` (num_envs, action_dim), within the bounds of the action space."""
        obs, reward, terminated, truncated, infos = self.env.step(actions)
        self._obs = np.array(obs, np.float32)
        reward = np.array(reward, np.float64)
        terminated, truncated = np.array(terminated, bool), np.array(truncated, bool)
        ended = np.flatnonzero(terminated | truncated)
        self._returns += reward
        self._lengths += 1
        self.steps += self.num_envs
        final_obs = np.empty((0, *self._obs.shape[1:]), np.float32)
        episodes: list[dict[str, float]] = []
        if ended.size:
            final_obs = self._read_final_obs(infos, ended)
            episodes = self._close_episodes(ended, terminated)
        return Transition(self._obs.copy(), reward, terminated, truncated, ended, final_obs, episodes, infos)

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
        """Count the ended episodes; return r (return), l (steps), t (seconds so far), and start new ones."""
        elapsed = round(time.monotonic() - self._start, 6)
        totals = zip(self._returns[ended].tolist(), self._lengths[ended].tolist(), strict=True)
        episodes = [{"r": total, "l": length, "t": elapsed} for total, length in totals]
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
        state |= {"returns": self._returns, "lengths": self._lengths, "obs": self._obs}
        state |= {f"env.{name}": np.asarray(value) for name, value in self.env.get_state().items()}
        for name, value in state.items():
            if value.dtype.kind not in "biuf":
                raise CheckpointError(f"state {name!r} of {self.env} is {value.dtype}: it must be an array of numbers")
        return {name: value.copy() for name, value in state.items()}

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `get_state` returned; CheckpointError on missing or mis-shaped entries."""
        own: dict[str, NDArray[Any]] = {"returns": self._returns, "lengths": self._lengths, "obs": self._obs}
        for name, value in own.items():
            if name not in state or state[name].shape != value.shape:
                found = state[name].shape if name in state else "missing"
                raise CheckpointError(f"state {name!r} must have shape {value.shape}, it is {found}: same num_envs?")
        inner = {name.removeprefix("env."): value for name, value in state.items() if name.startswith("env.")}
        self.env.set_state(inner)  # type: ignore[attr-defined]
        for name, value in own.items():
            value[:] = state[name]
        self.steps, self.episodes, self.terminations = (int(value) for value in state["counters"])

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
