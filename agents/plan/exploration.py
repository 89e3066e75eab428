"""Exploration at transfer: the noise of a policy that has become sure of itself is raised to a sinking floor."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import PlanError, is_number

__all__ = ["Exploration"]


@dataclass(frozen=True)
class Exploration:
    """A floor under the exploration of a policy that is carried over; it sinks linearly to nothing.

    A source policy ends its training with little noise left, and finds nothing new on the target. The floor is
    `std`, in units of the action space, under every entry of `log_std`, and `temperature` under the weight of the
    entropy; both reach 0 after `share` of the steps of the run. What the plan freezes, or makes afresh, is not raised.
    """

    std: float = 0.2
    temperature: float = 0.01
    share: float = 0.5

    def __post_init__(self) -> None:
        """Raise PlanError on a floor or a share that cannot be."""
        for name in ("std", "temperature"):
            value = getattr(self, name)
            if not is_number(value) or value < 0:
                raise PlanError(f"exploration.{name} is {value!r}: it must be a number of at least 0")
        if not is_number(self.share) or not 0 < self.share <= 1:
            raise PlanError(f"exploration.share is {self.share!r}: it must lie in (0, 1]")

    def log_floor(self, part: str, done: float) -> float:
        """Return the floor under the logarithm of `part` (log_std or temperature) after the share `done` of a run."""
        floor = self.std if part == "log_std" else self.temperature
        left = floor * max(0.0, 1.0 - done / self.share)
        return math.log(left) if left > 0 else -math.inf
