"""GymTask: any Gymnasium environment, registered or a class, as a task."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

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
from .modelless import Modelless, with_model
from .physics import GymPhysics
from .plain_physics import PlainPhysics
from .sources import EnvSource, find_source

__all__ = ["GymTask"]

Array = NDArray[np.float64]


class GymTask:
    """`gym:<id>` or `module:Class` in a configuration: observation, reward and end are the environment's own.

    Its time limit counts, the wrappers of a registered one do not. An episode that it truncates itself is truncated. A
    dictionary observation is flattened in the order of `gymnasium.spaces.flatten`; entries are called `<key>.<index>`,
    those of an array `obs.<index>`. Actions of any shape are flat too; it gets them within its action space, in that
    space's shape and precision.

    The reward is the environment's own, so it charges the action that arrives behind the actuator channel.

    Where it runs on a MuJoCo model, every physical, actuator, sensor and disturbance parameter applies, except those
    that need the model to be compiled anew. Where it does not, those of actuators and sensors do: see PlainPhysics.
    Actions are called `action.<index>`. Every world is stepped in Python: slower than the tasks that come along.

    Cheap fidelity: the implicitfast integrator.

    Attributes:
        is_plain: whether it has no MuJoCo model.
    """

    cheap = Fidelity(integrator="implicitfast")

    def __init__(self, env: str | EnvSource, /, **options: Any) -> None:
        """Find the environment and look at one.

        Args:
            env: the id as registered, `package:id` to import the package first, or where else one comes from.
            options: of `gymnasium.make` or of the class; `max_episode_steps` is the time limit, -1 or None: the
                environment's own, or 1000 where it has none.

        Raises:
            EnvsError: when it is not registered, cannot be made, or does not return what Gymnasium's interface asks
                for.
        """
        self._source, self._options = env if isinstance(env, EnvSource) else find_source(env, options), options
        limit = _read_limit(self.name, options.get("max_episode_steps"))
        if isinstance(file := options.get("xml_file"), str):
            require_bounded_model(Path(file))
        probe = self._make()
        try:
            self._contract, self.is_plain = GymContract(self.name, probe), isinstance(probe, Modelless)
            self.max_episode_steps = limit or self._source.max_episode_steps or 1000
            self.frame_skip = int(getattr(probe, "frame_skip", 1))
            self._contract.try_out(probe)
        finally:
            close_envs(self.name, [probe])

    def _make(self) -> Any:
        try:
            with compile_quietly():
                return with_model(self._source.build(self._options))
        except (Exception, SystemExit) as error:  # whatever the environment raises is its user's to read
            place = traceback.extract_tb(error.__traceback__)[-1]
            reason = str(error) or f"raised in {place.filename}, line {place.lineno}, without a word"
            raise EnvsError(
                f"{self.name}: cannot be made with options {self._options}: {type(error).__name__}: {reason}"
            ) from error

    @property
    def name(self) -> str:
        """Return what configurations call it, `gym:<id>` or `module:Class`."""
        return self._source.name

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
        given = self._make, self._contract, num_envs, fidelity, max_episode_steps
        return PlainPhysics(*given, repeatable=self._source.repeatable) if self.is_plain else GymPhysics(*given)

    def spec(self) -> mujoco.MjSpec:
        """Refuse: the environment compiles its own model, or has none.

        Raises:
            EnvsError: always.
        """
        raise EnvsError(f"{self.name}: compiles its own model")

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


def _read_limit(name: str, limit: Any) -> int | None:
    """Return the time limit that is asked for; None: none is.

    Raises:
        EnvsError: when it is no number of steps.
    """
    if limit is None or (is_whole(limit) and limit == -1):
        return None
    if not is_whole(limit) or limit < 1:
        raise EnvsError(
            f"{name}: option max_episode_steps must be a whole number >= 1, or -1 (the registered limit), got {limit!r}"
        )
    return int(limit)


def _renamed(infos: dict[str, Array]) -> dict[str, Array]:
    return {f"env_{key}" if key.startswith("reward_") else key: value.copy() for key, value in infos.items()}


def _gym(physics: Physics) -> GymPhysics:
    assert isinstance(physics, GymPhysics)
    return physics
