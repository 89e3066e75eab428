"""REGULARISERS: what keeps training near the source, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import torch

from ...errors import PlanError, unknown_name
from . import ewc, kl_source, l2_source
from .origin import Origin
from .regulariser import Option, Regulariser, read_options
from .weight_penalty import WeightPenalty

__all__ = ["REGULARISERS", "RegulariserRow", "check_regularisers"]


class RegulariserRow(NamedTuple):
    """One row of REGULARISERS: how it is made, its options, whether it needs the source's worlds, what it is."""

    make: Callable[[Regulariser, Origin, Mapping[str, torch.Tensor]], WeightPenalty | kl_source.KlPenalty]
    options: Mapping[str, Option]
    needs_worlds: bool
    description: str


REGULARISERS: dict[str, RegulariserRow] = {
    "l2_source": RegulariserRow(
        l2_source.make_l2_source, l2_source.OPTIONS, False, "squared distance from the source's weights"
    ),
    "ewc": RegulariserRow(
        ewc.make_ewc, ewc.OPTIONS, True, "the same, weighted by what the source's policy hangs on (Fisher information)"
    ),
    "kl_source": RegulariserRow(
        kl_source.make_kl_source, kl_source.OPTIONS, False, "divergence from the source's policy, sinking to nothing"
    ),
}


def check_regularisers(regularisers: Iterable[Regulariser]) -> None:
    """Raise PlanError on an unknown kind or option, or a kind that comes twice."""
    seen: set[str] = set()
    for regulariser in regularisers:
        if regulariser.kind not in REGULARISERS:
            raise PlanError(unknown_name("regulariser", regulariser.kind, REGULARISERS))
        if regulariser.kind in seen:
            raise PlanError(f"regulariser {regulariser.kind!r} comes twice in a phase: one weight is enough")
        seen.add(regulariser.kind)
        read_options(regulariser, REGULARISERS[regulariser.kind].options)
