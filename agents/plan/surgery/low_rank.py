"""low_rank: every linear layer on the way to the action gets a correction of small rank, and stays as it is itself.

W x + b becomes W x + b + (alpha / rank) B A x, with A drawn from N(0, 1 / in) and B zero: at first nothing changes.
Source: Hu et al. 2021, LoRA: Low-Rank Adaptation of Large Language Models, arXiv 2106.09685, section 4.1.

The layers are those of the encoder and of the policy head; a recurrent cell and LayerNorms stay as they are, and so
does a layer of the user's own that is not called (one whose `weight` is read). The value head needs no correction: it
trains as it is. Where critics shape the encoder (SAC), the policy's gradient does not reach it, and the head alone is
corrected.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ...errors import PlanError, is_number
from ...networks.freezing import is_frozen
from ...networks.rules import is_whole
from ...policy.parts import part_names
from .adapters import Adaptable, Adapters

__all__ = ["LowRank", "LowRankAdapters", "LowRankOptions", "operate"]


@dataclass(frozen=True)
class LowRankOptions:
    """Options of low_rank.

    Attributes:
        rank: of every correction; a layer with a side smaller than that gets the smaller rank.
        alpha: size of the corrections; alpha / rank stands before them. Adam moves factors of any scale by the same
            steps, so a larger one is a larger step for the layer: with rank 8, cartpole_swingup in unmodelled gravity
            (zero-shot 123) ended at 391 with 8, at 280 with 16, at 250 with 32 (24,576 steps, one seed).
    """

    rank: int = 8
    alpha: float = 8.0

    def __post_init__(self) -> None:
        """Raise PlanError on a rank below 1, or an alpha that is not above 0."""
        if not is_whole(self.rank):
            raise PlanError(f"low_rank: rank is {self.rank!r}, it must be a whole number of at least 1")
        if not is_number(self.alpha) or self.alpha <= 0:
            raise PlanError(f"low_rank: alpha is {self.alpha!r}, it must be a number above 0")


class LowRank(nn.Module):
    """The correction (alpha / rank) B A x of one linear layer."""

    def __init__(self, layer: nn.Linear, options: LowRankOptions) -> None:
        """Draw A (r, in) from N(0, 1 / in), set B (out, r) to zero; r is the rank, or the layer's smaller side."""
        super().__init__()
        rank = min(options.rank, layer.in_features, layer.out_features)
        self.down = nn.Parameter(torch.randn(rank, layer.in_features) / math.sqrt(layer.in_features))
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))
        self._scale = options.alpha / options.rank

    def correct(self, layer: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        """Return the layer's `output` (N, out) for `inputs` = (x (N, in),), corrected; torch's form of a hook."""
        return output + self._scale * nn.functional.linear(nn.functional.linear(inputs[0], self.down), self.up)


class LowRankAdapters(Adapters):
    """A LowRank for every linear layer of some parts, named as the layer: `adapters.encoder.layers.0.down`."""

    def __init__(self, layers: dict[str, nn.Linear], options: LowRankOptions) -> None:
        """Make the corrections of `layers`, by unit name, and let the layers call them."""
        super().__init__()
        for path, layer in layers.items():
            *above, last = path.split(".")
            place: nn.Module = self
            for name in above:
                if name not in place._modules:
                    place.add_module(name, nn.Module())
                place = place.get_submodule(name)
            correction = LowRank(layer, options)
            place.add_module(last, correction)
            # a bound method, not a closure: a deep copy of the policy gets one bound to the copy
            layer.register_forward_hook(correction.correct)

    @property
    def moves_features(self) -> bool:
        """Whether the corrections of the encoder's layers train."""
        return "encoder" in self._modules and not is_frozen(self.get_submodule("encoder"))


def _linear_layers(policy: Adaptable, parts: tuple[str, ...]) -> Iterator[tuple[str, nn.Linear]]:
    """Yield the linear layers of some parts of a policy by unit name."""
    for part in parts:
        for prefix, member in policy.members()[part].items():
            if isinstance(member, nn.Module):
                for path, module in member.named_modules(prefix=prefix):
                    if type(module) is nn.Linear:
                        yield path, module


def operate(policy: Adaptable, options: LowRankOptions) -> LowRankAdapters:
    """Give the policy's linear layers their corrections and return them; PlanError if it has no such layer."""
    parts = ("policy_head",) if "critic" in part_names(policy) else ("encoder", "policy_head")
    layers = dict(_linear_layers(policy, parts))
    if not layers:
        raise PlanError(f"low_rank: {' and '.join(parts)} have no linear layer to correct")
    return LowRankAdapters(layers, options)
