"""GymTask: any registered Gymnasium environment that runs on a MuJoCo model, as a task."""

from __future__ import annotations

import importlib.util
import traceback
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
from numpy.typing import NDArray

from ..domain.streams import EpisodeDraws
from ..errors import EnvsError, is_whole
from ..physics.fidelity import Fidelity
from ..physics.logs import compile_quietly
from ..physics.physics import Physics
from ..tasks.task import Ids, Measured
from .contract import GymContract, close_envs
from .model_files import require_bounded_model
from .physics import GymPhysics

__all__ = ["GymTask"]

Array = NDArray[np.float64]
_PLUGINS = ("gymnasium_robotics",)  # packages that register MuJoCo environments once imported


class GymTask:
    """`gym:<id>` in a configuration: observation, reward and end are the environment's own.

    Its time limit counts, its wrappers do not. An episode that it truncates itself is truncated. A dictionary
    observation is flattened in the order of `gymnasium.spaces.flatten`; entries are called `<key>.<index>`, those of
    an array `obs.<index>`. Actions of any shape are flat too; it gets them within its action space, in that space's
    shape and precision.

    The reward is the environment's own, so it charges the action that arrives behind the actuator channel.

    Every physical, actuator, sensor and disturbance parameter applies, except those that need the model to be
    compiled anew. Actions are called `action.<index>`. One MjData per world, stepped in Python: slower than the tasks
    that come along.

    Cheap fidelity: the implicitfast integrator.
    """

    cheap = Fidelity(integrator="implicitfast")

    def __init__(self, env_id: str, /, **options: Any) -> None:
        """Find the environment and look at one.

        Args:
            env_id: as registered, or `package:id` to import the package first.
            options: of `gymnasium.make`; `max_episode_steps` is the time limit, -1 or None: the registered one.

        Raises:
            EnvsError: when it is not registered, cannot be made, does not run on a MuJoCo model, or does not return
                what Gymnasium's interface asks for.
        """
        self._id, self._options = env_id, options
        if "id" in options:
            raise EnvsError(f"gym:{env_id}: 'id' cannot be an option: gymnasium.make calls the environment's id so")
        limit = _read_limit(env_id, options.get("max_episode_steps"))
        spec = self._find()
        if isinstance(file := options.get("xml_file"), str):
            require_bounded_model(Path(file))
        probe = self._make()
        try:
            self._contract = GymContract(f"gym:{env_id}", probe)
            self.max_episode_steps = limit or spec.max_episode_steps or 1000
            self.frame_skip = int(getattr(probe, "frame_skip", 1))
            self._contract.try_out(probe)
        finally:
            close_envs(f"gym:{env_id}", [probe])

    def _find(self) -> Any:
        package, colon, env_id = self._id.rpartition(":")
        if colon and not package:
            raise EnvsError(
                f"gym:{self._id}: names no package between its colons; write gym:{env_id} or gym:<package>:{env_id}"
            )
        if package:
            _import_package(self._id, package)
        for plugin in _PLUGINS:
            if self._id not in gymnasium.registry and not package and importlib.util.find_spec(plugin):
                gymnasium.register_envs(importlib.import_module(plugin))
        try:
            return gymnasium.spec(env_id)
        except gymnasium.error.Error as error:
            raise EnvsError(
                f"gym:{self._id}: not registered with Gymnasium ({error}); to import its package first write "
                "gym:<package>:<id>, and install the package (for Fetch: pip install gymnasium-robotics)"
            ) from None

    def _make(self) -> Any:
        try:
            with compile_quietly():
                return gymnasium.make(self._id, **{"disable_env_checker": True, **self._options}).unwrapped
        except (Exception, SystemExit) as error:  # whatever the environment raises is its user's to read
            place = traceback.extract_tb(error.__traceback__)[-1]
            reason = str(error) or f"raised in {place.filename}, line {place.lineno}, without a word"
            raise EnvsError(
                f"gym:{self._id}: cannot be made with options {self._options}: {type(error).__name__}: {reason}"
            ) from error

    @property
    def name(self) -> str:
        """Return what configurations call it, `gym:<id>`."""
        return f"gym:{self._id}"

    @property
    def contract(self) -> GymContract:
        """Return what its environments take and return."""
        return self._contract

    def make_env(self) -> Any:
        """Return one more environment, unwrapped."""
        return self._make()

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Return the name of every entry of the observation."""
        return self._contract.observation_names

    def make_physics(
        self, num_envs: int, fidelity: Fidelity, num_threads: int, max_episode_steps: int | None
    ) -> GymPhysics:
        """Return the environments; `num_threads` has no effect on Python code."""
        return GymPhysics(self._make, self._contract, num_envs, fidelity, max_episode_steps)

    def spec(self) -> mujoco.MjSpec:
        """Refuse: the environment compiles its own model.

        Raises:
            EnvsError: always.
        """
        raise EnvsError(f"gym:{self._id}: compiles its own model")

    def reset(self, physics: Physics, ids: Ids, draws: EpisodeDraws) -> None:
        """Reset the environments, each with a seed of its own stream."""
        _gym(physics).restart(ids, (draws.random(1)[:, 0] * 2**31).astype(np.int64))

    def observe(self, physics: Physics) -> Array:
        """Return what the environments returned, (num_envs, obs_dim)."""
        return _gym(physics).observations.copy()

    def measure(self, physics: Physics) -> Measured:
        """Return nothing: the environment computes its own reward."""
        return {}

    def reward(
        self, before: Measured, after: Measured, physics: Physics, action: NDArray[np.floating]
    ) -> dict[str, Array]:
        """Return the one term there is."""
        return {"reward_env": _gym(physics).rewards.copy()}

    def info(self, before: Measured, after: Measured, physics: Physics) -> dict[str, Array]:
        """Return the numbers of the environments' infos, those that are called like rewards by `env_<name>`."""
        return _renamed(_gym(physics).infos)

    def reset_info(self, physics: Physics) -> dict[str, Array]:
        """Return the numbers of the infos of the environments' resets, called like those of steps."""
        return _renamed(_gym(physics).reset_infos)

    def terminated(self, physics: Physics) -> NDArray[np.bool_]:
        """Return which environments said so."""
        return _gym(physics).terminations.copy()

    def truncated(self, physics: Physics) -> NDArray[np.bool_]:
        """Return which environments have cut their episode themselves."""
        return _gym(physics).truncations.copy()


def _import_package(env_id: str, package: str) -> None:
    """Import the package that registers an environment, `package:id`.

    Raises:
        EnvsError: when it is not there, or whatever it raises.
    """
    try:
        importlib.import_module(package)
    except (Exception, SystemExit) as error:  # whatever the package raises is its user's to read
        absent = isinstance(error, ModuleNotFoundError) and error.name == package.partition(".")[0]
        hint = (
            f"; looked for beside the configuration, in the working directory {Path.cwd()} and where Python looks for "
            "modules: install it, run the command in its folder, or put that on PYTHONPATH"
        )
        reason = f"{type(error).__name__}: {error}{hint if absent else ''}"
        raise EnvsError(
            f"gym:{env_id}: not registered with Gymnasium, as its package {package!r} fails to import: {reason}"
        ) from error


def _read_limit(env_id: str, limit: Any) -> int | None:
    """Return the time limit that is asked for; None: none is.

    Raises:
        EnvsError: when it is no number of steps.
    """
    if limit is None or (is_whole(limit) and limit == -1):
        return None
    if not is_whole(limit) or limit < 1:
        raise EnvsError(
            f"gym:{env_id}: option max_episode_steps must be a whole number >= 1, or -1 (the registered limit), "
            f"got {limit!r}"
        )
    return int(limit)


def _renamed(infos: dict[str, Array]) -> dict[str, Array]:
    return {f"env_{key}" if key.startswith("reward_") else key: value.copy() for key, value in infos.items()}


def _gym(physics: Physics) -> GymPhysics:
    assert isinstance(physics, GymPhysics)
    return physics
