"""Adaptation as data: how long and how fast the student of an rma encoder learns before a plan's first phase."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import PlanError, is_number
from ..networks.rules import is_whole

__all__ = ["Adaptation"]


@dataclass(frozen=True)
class Adaptation:
    """How long and how fast the student learns.

    Attributes:
        steps: of the source's worlds, rounded up to whole steps of all of them.
        learning_rate: of Adam at the beginning; it falls linearly to zero.
        num_steps: steps of every world between two rounds of regression.
        batch_size: samples of a minibatch.
        num_epochs: how often a round goes over what was just seen.
    """

    steps: int
    learning_rate: float = 2e-3
    num_steps: int = 64
    batch_size: int = 256
    num_epochs: int = 4

    def __post_init__(self) -> None:
        """Raise PlanError on numbers that cannot be."""
        for name in ("steps", "num_steps", "batch_size", "num_epochs"):
            if not is_whole(getattr(self, name)):
                value = getattr(self, name)
                raise PlanError(f"adaptation.{name} is {value!r}: it must be a whole number of at least 1")
        if not is_number(self.learning_rate) or self.learning_rate <= 0:
            raise PlanError(f"adaptation.learning_rate is {self.learning_rate!r}: it must be above 0")
