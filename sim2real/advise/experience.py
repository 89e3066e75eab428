"""EXPERIENCE: how far each method got on targets elsewhere, which signals of a target do not tell.

Unlike the rules, this is measured: it comes of the records in `benchmarks/methods`, by `measure_experience`. Where it
speaks it outweighs them; they then sort methods that got about as far. It only speaks where the policy loses something:
on a target where it is as good as on its source, what methods do elsewhere is no reason to touch it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np

from .rules import RULES
from .signals import Reading

__all__ = ["EXPERIENCE", "CellOf", "Recalled", "Table", "compute_shares", "measure_experience", "recall"]


class CellOf(NamedTuple):
    """What one advice is about: an environment, a target, and the seed of the source agent."""

    env: str
    target: str
    seed: int


Table = Mapping[CellOf, Mapping[str, float]]
"""cell -> method -> number"""

EXPERIENCE: Mapping[str, Mapping[str, float]] = {
    "hopper": {
        "zero_shot": 0.460,
        "scratch": 0.025,
        "recalibrate": 0.151,
        "feature_extraction": 0.052,
        "frozen_encoder": 0.763,
        "fine_tune": 0.881,
        "actor_only": 0.616,
        "gradual_unfreeze": 0.824,
        "layerwise_lr": 0.778,
        "l2_sp": 0.794,
        "kl_source": 0.833,
        "ewc": 0.839,
        "residual": 0.828,
        "progressive": 0.809,
        "low_rank": 0.812,
    },
    "half_cheetah": {
        "zero_shot": 0.652,
        "scratch": 0.008,
        "recalibrate": 0.682,
        "feature_extraction": 0.008,
        "frozen_encoder": 0.892,
        "fine_tune": 0.981,
        "actor_only": 0.891,
        "gradual_unfreeze": 0.902,
        "layerwise_lr": 0.915,
        "l2_sp": 0.944,
        "kl_source": 0.904,
        "ewc": 0.927,
        "residual": 0.881,
        "progressive": 0.884,
        "low_rank": 0.882,
    },
    "walker2d": {
        "zero_shot": 0.363,
        "scratch": 0.039,
        "recalibrate": 0.152,
        "feature_extraction": 0.045,
        "frozen_encoder": 0.771,
        "fine_tune": 0.768,
        "actor_only": 0.831,
        "gradual_unfreeze": 0.842,
        "layerwise_lr": 0.783,
        "l2_sp": 0.809,
        "kl_source": 0.730,
        "ewc": 0.762,
        "residual": 0.793,
        "progressive": 0.747,
        "low_rank": 0.792,
    },
}
"""environment -> method -> share of the way from the worst to the best method, mean over targets and seeds."""

_MEASURED_WITH = "ppo"
_POINTS = 50.0  # of the rules, for the whole way: chosen on hopper and half_cheetah, before walker2d was measured
_LEAST_LOST = next(rule.least for rule in RULES if rule.name == "return")
_HELD_STILL = "zero_shot"  # the policy as it is: it stands at 0 for the rules too


class Recalled(NamedTuple):
    """What experience says of the methods at hand.

    Attributes:
        envs: where it comes from.
        shares: method -> share of the way from the worst to the best one there, mean over `envs`; zero_shot among them.
    """

    envs: tuple[str, ...]
    shares: dict[str, float]

    @property
    def points(self) -> dict[str, float]:
        """Method -> what it gains over the policy as it is, in points of the rules."""
        return {name: _POINTS * (share - self.shares[_HELD_STILL]) for name, share in self.shares.items()}

    def explain(self, method: str) -> str:
        """Return how far `method` got, in words."""
        return (
            f"on {', '.join(self.envs)} {method} went {self.shares[method]:.0%} of the way from the worst to the best "
            f"method, {_HELD_STILL} {self.shares[_HELD_STILL]:.0%}"
        )


def recall(
    algorithm: str, methods: Collection[str], readings: Mapping[str, Reading], without: str | None = None
) -> Recalled | None:
    """Return what experience says of `methods`, and of zero_shot; None where it is silent.

    That is with another learner than it was made with, where the policy loses little or an unknown share of its return,
    and where it is left without an environment. A method that was never measured counts as the mean of those that were.

    Args:
        algorithm: the learner.
        methods: those to choose among.
        readings: what the signals show.
        without: an environment whose outcomes are left out: advice there is then about an environment never seen.
    """
    known = [env for env in EXPERIENCE if env != without]
    if algorithm != _MEASURED_WITH or not known or not readings["return_lost"].value >= _LEAST_LOST:
        return None
    measured = {
        name: float(np.mean([EXPERIENCE[env][name] for env in known if name in EXPERIENCE[env]]))
        for name in dict.fromkeys((*methods, _HELD_STILL))
        if any(name in EXPERIENCE[env] for env in known)
    }
    mean = float(np.mean(list(measured.values())))
    return Recalled(tuple(known), {name: measured.get(name, mean) for name in (*methods, _HELD_STILL)})


def compute_shares(outcomes: Mapping[str, float]) -> dict[str, float]:
    """Return method -> share of the way from the worst to the best of `outcomes`, which are not all the same."""
    worst, best = min(outcomes.values()), max(outcomes.values())
    return {name: (value - worst) / (best - worst) for name, value in outcomes.items()}


def measure_experience(outcomes: Table) -> dict[str, dict[str, float]]:
    """Return environment -> method -> mean share over its cells; every cell of an environment has the same methods."""
    shares = {cell: compute_shares(came) for cell, came in outcomes.items() if len(set(came.values())) > 1}
    return {
        env: {
            name: float(np.mean([own[name] for cell, own in shares.items() if cell.env == env]))
            for name in next(own for cell, own in shares.items() if cell.env == env)
        }
        for env in dict.fromkeys(cell.env for cell in shares)
    }
