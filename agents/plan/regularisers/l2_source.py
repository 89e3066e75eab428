"""l2_source: weights stay near the source's (L2-SP)."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ...policy.patterns import best_pattern
from .origin import Origin
from .regulariser import Option, Regulariser, read_options
from .weight_penalty import WeightPenalty

__all__ = ["OPTIONS", "make_l2_source"]


def _are_patterns(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(entry, str) for entry in value)


OPTIONS = {
    "parts": Option(("encoder", "policy_head"), "it must be a list of patterns of parts or units", _are_patterns),
}


def make_l2_source(regulariser: Regulariser, origin: Origin, trained: Mapping[str, torch.Tensor]) -> WeightPenalty:
    """Return weight / 2 * sum (theta - theta_source)^2 over what is carried over and trains.

    Source: Li, Grandvalet and Davoine 2018, arXiv 1802.01483 (L2-SP); the second term there, weight decay of layers
    that are not carried over, is left out. Option `parts`: patterns that say what is penalised, `*`: everything. PPO's
    value head is not unless asked for: its last layer is in the unit of values, which follows the target's returns, so
    that the source's numbers there soon mean another function.
    """
    wanted = read_options(regulariser, OPTIONS)["parts"]
    penalised = {name: tensor for name, tensor in trained.items() if best_pattern(name, wanted) is not None}
    return WeightPenalty(regulariser.kind, regulariser.weight, penalised, origin.tensors)
