"""PolicyAverage: what acts is an average of the policies along the way, not the last of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ..errors import PlanError
from ..networks.rules import is_whole

__all__ = ["PolicyAverage", "acting_tensors"]

_AVERAGE, _HEAD = "policy_average.", "policy_head."  # prefixes of tensor names


@dataclass(frozen=True)
class PolicyAverage:
    """A slow copy of the policy head, the part `policy_average`, that takes every mean action.

    d(average)/dt = (head - average) / `horizon`, in steps of the run while the head trains, beginning at the head that
    the plan begins with. Actions that are drawn, to collect and to learn from, are the head's own.

    In float32 the rest of the way stalls at 6e-8 / `weight` of the number itself. Averages over the iterates of
    stochastic approximation: Polyak and Juditsky 1992 (SIAM J. Control Optim. 30); over the policies of reinforcement
    learning: Nikishin et al. 2018, Improving Stability in Deep Reinforcement Learning with Weight Averaging.
    """

    horizon: int

    def __post_init__(self) -> None:
        """Raise PlanError on a horizon that is not a whole number of steps."""
        if not is_whole(self.horizon):
            raise PlanError(f"average.horizon is {self.horizon!r} steps, it must be a whole number of at least 1")

    def weight(self, num_steps: int) -> float:
        """Return the share of the way to the head that the average goes in `num_steps` steps."""
        return -math.expm1(-num_steps / self.horizon)

    def check(self, units: Mapping[str, tuple[str | None, Mapping[str, float | None]]]) -> None:
        """Raise PlanError where it would be no average of policies, or of nothing that moves.

        `units` are those of the policy, by name: what becomes of each, and its rate by phase, None where it waits.
        """
        heads = {unit: wanted for unit, wanted in units.items() if unit.startswith(_HEAD)}
        if all(rate is None for _, rates in heads.values() for rate in rates.values()):
            raise PlanError("average would have no effect: no phase trains the policy head")
        for unit, (_, rates) in units.items():
            trained = [phase for phase, rate in rates.items() if rate is not None]
            if unit.startswith("encoder.") and trained:
                raise PlanError(
                    f"average is of the policy head alone, but phase {trained[0]!r} trains the encoder that it reads: "
                    "freeze the encoder, or plan without an average"
                )
        for unit, wanted in units.items():
            head = _HEAD + unit.removeprefix(_AVERAGE)
            if unit.startswith(_AVERAGE) and wanted != heads[head]:
                raise PlanError(f"{unit!r} follows {head!r}: what becomes of one becomes of both; name the head")


def acting_tensors(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return `tensors` of a policy, by checkpoint names, with the average, where there is one, as the policy head.

    So whoever loads an agent, or begins from it, has the policy that was evaluated; `parts.load` refuses others.
    """
    average = {name.removeprefix(_AVERAGE): tensor for name, tensor in tensors.items() if name.startswith(_AVERAGE)}
    others = {name: tensor for name, tensor in tensors.items() if not name.startswith(_AVERAGE)}
    return {**others, **{_HEAD + name: tensor for name, tensor in average.items()}}
