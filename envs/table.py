"""ENVS: the environments by name. A task, and MuJoCo with it, is imported when its row is asked for one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import gymnasium

from .options import read_options

if TYPE_CHECKING:
    from .tasks.task import Task

__all__ = ["ENVS", "Environment", "register_all"]


@dataclass(frozen=True)
class Environment:
    """A row of ENVS.

    Attributes:
        made_by: name of the task's class in `envs.tasks`, or what makes the task.
        gymnasium_id: its id in Gymnasium.
        max_episode_steps: of the task, for Gymnasium; None: it is not registered there.
    """

    made_by: str | Callable[..., Task]
    gymnasium_id: str
    max_episode_steps: int | None = None

    @property
    def task(self) -> Callable[..., Task]:
        """What makes the task."""
        if not isinstance(self.made_by, str):
            return self.made_by
        found: Callable[..., Task] = getattr(import_module(".tasks", __package__), self.made_by)
        return found

    @property
    def summary(self) -> str:
        """Return the first line of the task's module docstring."""
        module = inspect.getmodule(self.task)
        return (module.__doc__ or "").partition("\n")[0] if module else ""

    def make_task(self, /, **task_kwargs: Any) -> Task:
        """Build the task with its keyword options.

        Raises:
            ArgumentError: for an option it does not have.
            EnvsError: for a value that breaks the option's rule.
        """
        return self.task(**read_options(self.task, task_kwargs, self.gymnasium_id))


ENVS: dict[str, Environment] = {
    "inverted_pendulum": Environment("InvertedPendulum", "sim2real/InvertedPendulum-v0", 1000),
    "inverted_double_pendulum": Environment("InvertedDoublePendulum", "sim2real/InvertedDoublePendulum-v0", 1000),
    "reacher": Environment("Reacher", "sim2real/Reacher-v0", 50),
    "pusher": Environment("Pusher", "sim2real/Pusher-v0", 100),
    "swimmer": Environment("Swimmer", "sim2real/Swimmer-v0", 1000),
    "hopper": Environment("Hopper", "sim2real/Hopper-v0", 1000),
    "walker2d": Environment("Walker2d", "sim2real/Walker2d-v0", 1000),
    "half_cheetah": Environment("HalfCheetah", "sim2real/HalfCheetah-v0", 1000),
    "ant": Environment("Ant", "sim2real/Ant-v0", 1000),
    "humanoid": Environment("Humanoid", "sim2real/Humanoid-v0", 1000),
    "humanoid_standup": Environment("HumanoidStandup", "sim2real/HumanoidStandup-v0", 1000),
    "cartpole_swingup": Environment("CartpoleSwingup", "sim2real/CartpoleSwingup-v0", 500),
    "quadruped": Environment("Quadruped", "sim2real/Quadruped-v0", 1000),
}


def register_all() -> None:
    """Register every environment with Gymnasium, single and vectorised."""
    built = f"{__package__}.environments"
    for name, row in ENVS.items():
        if row.gymnasium_id not in gymnasium.registry:
            gymnasium.register(
                row.gymnasium_id,
                entry_point=f"{built}:make_registered",
                vector_entry_point=f"{built}:make_vec_registered",
                kwargs={"env": name},
                max_episode_steps=row.max_episode_steps,
            )
