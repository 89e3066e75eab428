"""Task: what is asked of the robot. Arrays of all worlds at once; no Python loop over worlds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import mujoco
import numpy as np
from numpy.typing import NDArray

from .errors import EnvsError
from .fidelity import Fidelity
from .physics import Physics
from .streams import EpisodeDraws

__all__ = ["Ids", "Measured", "Task", "make_physics"]

Array = NDArray[np.float64]
Ids = NDArray[np.intp]
Measured = Mapping[str, Array]


class Task(Protocol):
    """A model, where episodes start, what is observed and rewarded, and when it is over.

    Attributes:
        frame_skip: simulation steps in a control step at the model's own timestep.
        max_episode_steps: control steps after which an episode is truncated.
        cheap: the fidelity for fast pretraining.
        observation_names: name of every entry of the observation, (obs_dim,).
    """

    frame_skip: int
    max_episode_steps: int
    cheap: Fidelity

    @property
    def observation_names(self) -> tuple[str, ...]:
        """Return the name of every entry of the observation."""
        ...

    def spec(self) -> mujoco.MjSpec:
        """Return a new spec of the nominal model."""
        ...

    def reset(self, physics: Physics, ids: Ids, draws: EpisodeDraws) -> None:
        """Write an initial state into the worlds `ids` (n,), which hold the model's default state."""
        ...

    def observe(self, physics: Physics) -> Array:
        """Return observations, (num_envs, obs_dim), in an array of its own."""
        ...

    def measure(self, physics: Physics) -> Measured:
        """Return the named quantities that rewards compare before and after a step, (num_envs,) copies."""
        ...

    def reward(
        self, before: Measured, after: Measured, physics: Physics, action: NDArray[np.floating]
    ) -> dict[str, Array]:
        """Return the named reward terms, each (num_envs,); the reward is their sum in this order.

        Args:
            before: `measure` before the step.
            after: `measure` after it.
            physics: the worlds after the step.
            action: (num_envs, act_dim) as the agent gave it, before any actuator channel.
        """
        ...

    def info(self, before: Measured, after: Measured, physics: Physics) -> dict[str, Array]:
        """Return further named quantities to report, each (num_envs,)."""
        ...

    def terminated(self, physics: Physics) -> NDArray[np.bool_]:
        """Return which worlds have reached an end that lies in the task, (num_envs,)."""
        ...


@runtime_checkable
class _BringsPhysics(Protocol):
    """A task whose worlds are not stepped by mujoco.batch."""

    def make_physics(
        self, num_envs: int, fidelity: Fidelity, num_threads: int, max_episode_steps: int | None
    ) -> Physics: ...


def make_physics(
    task: Task, num_envs: int, fidelity: Fidelity, num_threads: int, max_episode_steps: int | None
) -> Physics:
    """Return the worlds that `task` is asked in, its own kind if it has a `make_physics`.

    Args:
        task: whose model.
        num_envs: number of worlds.
        fidelity: how accurately they are integrated.
        num_threads: threads that step worlds; 0 means all cores this process may use.
        max_episode_steps: the longest episode; None: no limit.

    Raises:
        EnvsError: when the model cannot be loaded, the fidelity does not fit or a size is not positive.
    """
    if isinstance(task, _BringsPhysics):
        return task.make_physics(num_envs, fidelity, num_threads, max_episode_steps)
    try:
        spec = task.spec()
    except (OSError, ValueError) as error:
        raise EnvsError(f"{type(task).__name__}: its model cannot be loaded: {error}") from error
    return Physics(spec, num_envs, frame_skip=task.frame_skip, fidelity=fidelity, num_threads=num_threads)
