"""SourceData: what a plan asks of the source's worlds while it is carried out on the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stable_baselines3.common.vec_env import VecEnv

from ..errors import PlanError, is_number

__all__ = ["SourceData"]


@dataclass(frozen=True)
class SourceData:
    """Transitions of the source, for learners with a replay; source steps are counted apart from the target's.

    `steps` are taken by the source policy before the first target step, rounded up to whole steps of all worlds;
    `per_target_step` go on being taken by the policy that learns. `share` of every batch is drawn from them.
    `corrected`: their rewards are corrected by how unlikely each transition is on the target, as two classifiers say.
    """

    steps: int
    share: float = 0.5
    per_target_step: int = 0
    corrected: bool = False

    def __post_init__(self) -> None:
        """Raise PlanError on numbers that cannot be."""
        for name in ("steps", "per_target_step"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise PlanError(f"source_data.{name} is {value!r}: it must be a whole number of at least 0")
        if self.steps == 0:
            raise PlanError("source_data.steps is 0: there would be nothing to draw from; it must be at least 1")
        if not is_number(self.share) or not 0 < self.share <= 1:
            raise PlanError(f"source_data.share is {self.share!r}: it must lie in (0, 1]")

    def check(self, source: Mapping[str, Any] | None, source_env: VecEnv | None, env: VecEnv) -> None:
        """Raise PlanError without `source` tensors or worlds `source_env`, or if spaces differ from those of `env`."""
        if source is None:
            raise PlanError(
                "source_data: the source's policy takes its steps, so the plan needs the tensors of a source"
            )
        if source_env is None:
            raise PlanError("source_data: worlds of the source are needed: apply_plan(..., source_env=vector_env)")
        for kind in ("observation_space", "action_space"):
            theirs, own = getattr(source_env, kind), getattr(env, kind)
            if theirs.shape != own.shape:
                raise PlanError(
                    f"source_data: the source's {kind} {theirs} is not the target's {own}: one batch cannot have both"
                )
