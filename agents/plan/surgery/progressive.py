"""progressive: a new column beside the frozen source column, which it reads at every depth through lateral adapters.

With h_i what block i of the source column makes (h_0 the normalised observation; encoder, then policy head):
    z_1 = tanh(W_1 h_0 + b_1);  z_i = tanh(W_i z_(i-1) + b_i + L_i(h_(i-1)));  mean = source + W z_n + b + L(h_n)
    lateral adapter: L(h) = U tanh(V (a h) + c), with a learned scalar a
Sources: Rusu et al. 2016, Progressive Neural Networks, arXiv 1606.04671, equations 1 and 2; Rusu et al. 2016,
Sim-to-Real Robot Learning from Pixels with Progressive Nets, arXiv 1610.04286, whose new column begins by acting like
the source: here W, b and the last U are zero at first, and the source's mean is added.

The encoder's layers are tapped: its features are followed by h_0 and what lies below, so that a rollout that keeps
features of a frozen encoder keeps all the column reads of it. The value head reads the features alone, as before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from ...errors import PlanError
from ...networks.activations import Tanh
from ...networks.encoders import MlpEncoder
from ...networks.rules import is_whole
from ...policy.parts import part_names
from .adapters import Adaptable, Adapters
from .residual import zero_linear
from .taps import TappedLayers, block_outputs, block_widths

__all__ = ["Lateral", "ProgressiveAdapters", "ProgressiveOptions", "operate"]


@dataclass(frozen=True)
class ProgressiveOptions:
    """Options of progressive.

    Attributes:
        width: units of every layer of the new column, and of every lateral adapter.
    """

    width: int = 32

    def __post_init__(self) -> None:
        """Raise PlanError on a width below 1."""
        if not is_whole(self.width):
            raise PlanError(f"progressive: width is {self.width!r}, it must be a whole number of at least 1")


class Lateral(nn.Module):
    """L(h) = U tanh(V (a h) + c): what a layer of the new column reads of the source's."""

    def __init__(self, in_dim: int, width: int, spread: nn.Linear) -> None:
        """Squeeze (N, in_dim) to `width`; `spread` is U, from `width` on, without a bias."""
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.squeeze = nn.Linear(in_dim, width)
        self.activation = Tanh()
        self.spread = spread

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return L(h), (N, out), of h (N, in_dim)."""
        said: torch.Tensor = self.spread(self.activation(self.squeeze(self.scale * x)))
        return said


class ProgressiveAdapters(Adapters):
    """The new column and its lateral adapters."""

    def __init__(self, encoder: list[int], head: list[int], out_dim: int, options: ProgressiveOptions) -> None:
        """Build the column.

        Args:
            encoder: widths of the source column's h_0, h_1 ... up to the features.
            head: those of the policy head's hidden layers.
            out_dim: entries of the mean action.
            options: the column's width.
        """
        super().__init__()
        width, sources = options.width, [*encoder, *head]
        self._tapped = [encoder[-1], *encoder[:-1]]  # widths along a row of the encoder's features
        inputs = [sources[0], *[width] * (len(sources) - 2)]
        self.layers = nn.ModuleList(nn.Linear(size, width) for size in inputs)
        self.laterals = nn.ModuleList(
            Lateral(size, width, nn.Linear(width, width, bias=False)) for size in sources[1:-1]
        )
        self.activation = Tanh()
        self.output = zero_linear(width, out_dim)
        self.output_lateral = Lateral(sources[-1], width, zero_linear(width, out_dim, bias=False))

    def head_output(self, features: torch.Tensor, hidden: nn.Module, output: nn.Module) -> torch.Tensor:
        """Return the source's mean plus the new column's output, (N, out), of the tapped encoder's features (N, F)."""
        top, *below = torch.split(features, self._tapped, dim=1)
        # contiguous: products of strided rows round otherwise, and the source's action would not be the source's
        head = block_outputs(cast(Iterable[nn.Module], hidden), top.contiguous())
        sources = [*below, *head]
        mean = output(head[-1])
        z = self.activation(self.layers[0](sources[0]))
        for layer, lateral, source in zip(self.layers[1:], self.laterals, sources[1:-1], strict=True):
            z = self.activation(layer(z) + lateral(source))
        corrected: torch.Tensor = mean + (self.output(z) + self.output_lateral(sources[-1]))
        return corrected


def operate(policy: Adaptable, options: ProgressiveOptions) -> ProgressiveAdapters:
    """Tap the encoder, and return a new column to stand beside it and the policy head.

    Raises:
        PlanError: for an encoder other than an mlp, a learner whose critics read the encoder's features (SAC), and a
            policy without any hidden layer.
    """
    encoder = policy.encoder
    if type(encoder) is not MlpEncoder:
        raise PlanError(f"progressive: the encoder is a {type(encoder).__name__}, only an mlp has layers to read")
    if "critic" in part_names(policy):
        raise PlanError("progressive: critics read the encoder's features too; choose agent ppo, or another surgery")
    head = policy.members()["policy_head"]
    layers, hidden = encoder.layers, cast(nn.Sequential, head["policy_head.hidden"])
    encoder_widths = [*encoder.normalizer.mean.shape, *block_widths(layers)]
    head_widths = block_widths(hidden)
    if len(encoder_widths) + len(head_widths) < 2:
        raise PlanError("progressive: neither encoder nor policy head has a hidden layer to read")
    out_dim = cast(nn.Linear, head["policy_head.output"]).out_features
    encoder.layers = TappedLayers(*layers)
    encoder._features_dim = sum(encoder_widths)
    return ProgressiveAdapters(encoder_widths, head_widths, out_dim, options)
