"""How stable-baselines3's callbacks see a training: the names that they look up in their `locals`."""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback

from .rollout import Step

__all__ = ["report_start", "report_step"]


def report_start(callback: BaseCallback, learner: BaseAlgorithm, total_timesteps: int) -> None:
    """Begin a training that ends at `total_timesteps`; a progress bar asks for that name."""
    callback.on_training_start({"self": learner, "total_timesteps": total_timesteps}, {})


def report_step(callback: BaseCallback, step: Step, **names: Any) -> bool:
    """Show a step to a callback; return False if that ends the training.

    `names` are those that differ between learners: `actions`, `clipped_actions`, `buffer_actions`, `rollout_buffer`.
    """
    found = step.transition
    named = {"obs": step.obs, "new_obs": found.obs, "rewards": found.reward, "dones": found.done, "infos": step.infos}
    callback.update_locals({**named, **names})
    return bool(callback.on_step())
