"""residual: a small trained head beside the frozen source policy; what both say is added.

mean = source(features) + residual(features, source(features)), the residual's last layer zero at first.
Sources: Silver et al. 2018, Residual Policy Learning, arXiv 1812.06298, section 3; Johannink et al. 2018, Residual
Reinforcement Learning for Robot Control, arXiv 1812.03201. For a policy that says more than the mean (SAC: the log of
the standard deviation too) the residual is added to all of it, before it is squashed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from ...errors import PlanError
from ...networks.activations import Tanh
from ...networks.rules import is_whole
from .adapters import Adaptable, Adapters

__all__ = ["ResidualAdapters", "ResidualOptions", "operate", "zero_linear"]


@dataclass(frozen=True)
class ResidualOptions:
    """Options of residual.

    Attributes:
        width: units of the residual head's one hidden layer.
    """

    width: int = 64

    def __post_init__(self) -> None:
        """Raise PlanError on a width below 1."""
        if not is_whole(self.width):
            raise PlanError(f"residual: width is {self.width!r}, it must be a whole number of at least 1")


def zero_linear(in_features: int, out_features: int, bias: bool = True) -> nn.Linear:
    """Return a linear layer of zeros: whatever it is added to stays as it is until it trains."""
    layer = nn.Linear(in_features, out_features, bias)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


class ResidualAdapters(Adapters):
    """The residual head: features and the source's output, one hidden layer, a correction of that output."""

    def __init__(self, features_dim: int, out_dim: int, options: ResidualOptions) -> None:
        """Build it for features (N, features_dim) and an output (N, out_dim) of the source's head."""
        super().__init__()
        self.hidden = nn.Linear(features_dim + out_dim, options.width)
        self.activation = Tanh()
        self.output = zero_linear(options.width, out_dim)

    def head_output(self, features: torch.Tensor, hidden: nn.Module, output: nn.Module) -> torch.Tensor:
        """Return what the source's head says plus the residual, (N, out)."""
        said = super().head_output(features, hidden, output)
        # what the source says is an input as any other: where it trains too, it does not train through here
        read = self.hidden(torch.cat([features, said.detach()], dim=1))
        residual: torch.Tensor = self.output(self.activation(read))
        return said + residual


def operate(policy: Adaptable, options: ResidualOptions) -> ResidualAdapters:
    """Return a residual head to stand beside the policy head; the policy itself stays as it is."""
    last = cast(nn.Linear, policy.members()["policy_head"]["policy_head.output"])
    return ResidualAdapters(policy.encoder.features_dim, last.out_features, options)
