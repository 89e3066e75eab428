"""GymContract: what an environment of Gymnasium takes and returns, checked and made arrays of."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Mapping
from typing import Any, SupportsFloat

import gymnasium
import mujoco
import numpy as np
from numpy.typing import NDArray

from ..errors import EnvsError

__all__ = ["GymContract", "Returned", "close_envs", "note_numbers"]

Numbers = NDArray[np.number]  # of an observation, in its space's precision
_STEP = "(observation, reward, terminated, truncated, info)"
_NO_NUMBER = np.empty((), np.object_)
_logger = logging.getLogger("envs.gym")


# What a step returned: the observation (obs_dim,), the reward, whether either end was reached, the info.
Returned = tuple[Numbers, float, bool, bool, Mapping[str, Any]]


class GymContract:
    """The spaces of one environment, and what it must return by Gymnasium's interface.

    Actions and observations are flat here: an action of shape (2, 2) is four numbers, in C order, and a dictionary of
    observations one row, in the order of `gymnasium.spaces.flatten`.

    Attributes:
        name: of the environment, for errors.
        observation_names: (obs_dim,) `<key>.<index>`, or `obs.<index>` of an array.
        low: (act_dim,) least actions, in the precision of the action space.
        high: (act_dim,) greatest ones.
    """

    def __init__(self, name: str, env: Any) -> None:
        """Look at the spaces of `env`, an unwrapped environment.

        Raises:
            EnvsError: when it has a MuJoCo model without data or the reverse, or spaces that are not supported; one
                that has neither is a Modelless by now.
        """
        self.name = name
        for attribute, kind in (("model", mujoco.MjModel), ("data", mujoco.MjData)):
            if not isinstance(getattr(env, attribute, None), kind):
                raise EnvsError(
                    f"{name}: has no MuJoCo model (its unwrapped environment has no {kind.__name__} `{attribute}`)"
                )
        boxes = _boxes(name, env.observation_space)
        self._parts = {key: (box.shape, box.dtype) for key, box in boxes.items()}
        self.observation_names = tuple(
            f"{key or 'obs'}.{i}" for key, box in boxes.items() for i in range(gymnasium.spaces.flatdim(box))
        )
        space = env.action_space
        if not isinstance(space, gymnasium.spaces.Box) or space.dtype.kind != "f":
            raise EnvsError(f"{name}: actions must be a Box of floating-point numbers, got {space}")
        self._action_shape, self._action_dtype, self._is_row = space.shape, space.dtype, len(space.shape) == 1
        self.low, self.high = space.low.ravel(), space.high.ravel()

    def actions(self, commands: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return commands (num_envs, act_dim) as a new array within the action space, of its precision."""
        within: NDArray[np.floating] = np.maximum(np.minimum(commands, self.high), self.low)
        return within.astype(self._action_dtype, copy=False)

    def is_range_of_controls(self, model: mujoco.MjModel) -> bool:
        """Return whether the action space is the range of the model's controls, as where actions become controls."""
        low, high = model.actuator_ctrlrange.T.astype(self.low.dtype)
        return np.array_equal(low, self.low) and np.array_equal(high, self.high)

    def reset(self, env: Any, seed: int) -> tuple[Numbers, Mapping[str, Any]]:
        """Reset `env` with `seed`; return the observation, (obs_dim,), and the info.

        Raises:
            EnvsError: when it raises, or returns something else than (observation, info).
        """
        try:
            returned = env.reset(seed=seed)
        except (Exception, SystemExit) as error:  # whatever the environment raises is its author's to read
            raise self._raised("reset(seed=...)", error) from error
        if not isinstance(returned, tuple) or len(returned) != 2 or not isinstance(returned[1], Mapping):
            raise self._broken("reset", "return (observation, info), info a dict", _describe(returned))
        return self._read(returned[0], "reset"), returned[1]

    def step(self, env: Any, action: NDArray[np.floating]) -> Returned:
        """Step `env` with one row of `actions`, (act_dim,), which is the environment's to keep.

        Raises:
            mujoco.FatalError: when MuJoCo does.
            EnvsError: when anything else is raised, or something else returned than Gymnasium's five values.
        """
        try:
            returned = env.step(action if self._is_row else action.reshape(self._action_shape))
        except mujoco.FatalError:
            raise
        except (Exception, SystemExit) as error:  # as above
            raise self._raised("step", error) from error
        if not isinstance(returned, tuple) or len(returned) != 5:
            raise self._broken("step", f"return five values, {_STEP}", _describe(returned))
        obs, reward, terminated, truncated, info = returned
        if type(info) is not dict and not isinstance(info, Mapping):
            raise self._broken("step", f"return {_STEP} with a dict as info", _describe(info))
        if type(terminated) is not bool or type(truncated) is not bool:  # seldom
            terminated, truncated = self._flag(terminated, "terminated"), self._flag(truncated, "truncated")
        number = float(reward) if isinstance(reward, float) else self._number(reward)
        return self._read(obs, "step"), number, terminated, truncated, info

    def try_out(self, env: Any) -> None:
        """Reset `env` and step it once with the action nearest to zero, to check what it returns.

        Raises:
            EnvsError: as `reset` and `step`.
        """
        self.reset(env, 0)
        try:
            self.step(env, self.actions(np.zeros((1, len(self.low))))[0])
        except mujoco.FatalError:  # a fault of the simulation, which worlds survive
            _logger.info("%s: MuJoCo raises at the first step of action zero", self.name)

    def _read(self, obs: Any, method: str) -> Numbers:
        """Return an observation as one row, (obs_dim,), rounded to its spaces' precision; maybe a view."""
        if None in self._parts:
            return self._read_part(obs, None, method)
        try:
            values = [(key, obs[key]) for key in self._parts]
        except (KeyError, IndexError, TypeError):
            keys = ", ".join(map(repr, self._parts))
            raise self._broken(method, f"return a dict with keys {keys} as observation", _describe(obs)) from None
        return np.concatenate([self._read_part(value, key, method) for key, value in values])

    def _read_part(self, value: Any, key: str | None, method: str) -> Numbers:
        """Return the part of an observation that is called `key`, None for an array's, as one row."""
        shape, dtype = self._parts[key]
        try:
            part = np.asarray(value)
        except ValueError:  # ragged
            part = _NO_NUMBER
        if part.shape != shape or part.dtype.kind not in "fiub":
            what = "an observation" if key is None else f"an observation whose {key!r} is an array"
            raise self._broken(method, f"return {what} of numbers {shape}, as its space says", _describe(value))
        row: Numbers = part.astype(dtype, copy=False).ravel()
        return row

    def _number(self, reward: Any) -> float:
        is_number = isinstance(reward, SupportsFloat) and not isinstance(reward, np.complexfloating)
        if not is_number or np.ndim(reward):
            raise self._broken("step", "return one number as reward", _describe(reward))
        return float(reward)

    def _flag(self, value: Any, what: str) -> bool:
        plain = value.item() if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 else value
        if not isinstance(plain, int | float) or plain not in (0, 1):
            raise self._broken("step", f"return True or False as {what}", _describe(value))
        return bool(plain)

    def _broken(self, method: str, rule: str, shown: str) -> EnvsError:
        return EnvsError(f"{self.name}: {method} must {rule} (Gymnasium's interface); got {shown}")

    def _raised(self, call: str, error: BaseException) -> EnvsError:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return EnvsError(
            f"{self.name}: {call} raises {type(error).__name__}: {str(error) or 'without a message'} "
            f"({place.filename}, line {place.lineno})"
        )


def note_numbers(info: Mapping[str, Any], i: int, into: dict[str, NDArray[np.float64]], num_envs: int) -> None:
    """Write the numbers of environment `i`'s info to `into`, name -> (num_envs,), where new names are zeros."""
    for key, value in info.items():
        if isinstance(value, int | float | np.number | np.bool_):
            into.setdefault(key, np.zeros(num_envs))[i] = float(value)


def close_envs(name: str, envs: Iterable[Any]) -> None:
    """Close all `envs`, called `name`; what they raise is logged, as nothing depends on them any more."""
    for env in envs:
        try:
            env.close()
        except (Exception, SystemExit) as error:  # as above
            _logger.warning("%s: close raises %s: %s", name, type(error).__name__, error)


def _boxes(name: str, space: Any) -> dict[str | None, gymnasium.spaces.Box]:
    """Return the parts of an observation space by their keys, an array's under None."""
    named: Any = space.spaces if isinstance(space, gymnasium.spaces.Dict) else {None: space}
    parts: dict[str | None, Any] = dict(named)
    for key, part in parts.items():
        if not isinstance(part, gymnasium.spaces.Box):
            raise EnvsError(f"{name}: observation {key or 'obs'!r} must be a Box, got {part}")
    return parts


def _describe(value: Any) -> str:
    """Return in words what was returned: its kind, and shape or parts."""
    if isinstance(value, tuple):
        return f"{len(value)} values ({', '.join(map(_describe, value))})"
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} {value.shape}"
    if isinstance(value, Mapping):
        return f"a dict with keys {', '.join(map(str, value)) or 'none'}"
    return f"{type(value).__name__} {value!r}"[:80]
