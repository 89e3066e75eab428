"""WeightPenalty: springs between weights and where they started, with the gradient in closed form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from ...networks.backprop import gradient_of

__all__ = ["WeightPenalty", "WeightTerm"]


class WeightTerm:
    """A WeightPenalty over some parameters, laid out as one vector."""

    def __init__(
        self, kind: str, parameters: Sequence[torch.Tensor], anchor: torch.Tensor, stiffness: torch.Tensor
    ) -> None:
        """Take the parameters and, for their n entries one after the other, anchor (n,) and stiffness (n,)."""
        self.kind = kind
        self._parameters, self._anchor, self._stiffness = list(parameters), anchor, stiffness

    @torch.no_grad()
    def add_gradient(self) -> torch.Tensor:
        """Add stiffness * (theta - anchor) to `.grad` of the parameters, whatever wrote that; return the value ().

        The value is sum of stiffness / 2 * (theta - anchor)^2.
        """
        away = torch.cat([parameter.reshape(-1) for parameter in self._parameters]).sub_(self._anchor)
        force = self._stiffness * away
        pieces = torch.split(force, [parameter.numel() for parameter in self._parameters])
        for parameter, piece in zip(self._parameters, pieces, strict=True):
            gradient_of(parameter).add_(piece.view_as(parameter))
        return 0.5 * torch.dot(force, away)


class WeightPenalty:
    """weight / 2 * sum over penalised parameters of importance * (theta - theta_source)^2.

    It knows its parameters by identity, so a learner with several optimizers binds it to each of them.
    """

    def __init__(
        self,
        kind: str,
        weight: float,
        penalised: Mapping[str, torch.Tensor],
        anchors: Mapping[str, torch.Tensor],
        importance: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        """Pull the parameters `penalised` to `anchors`; all by name, of equal shapes; `importance` None: 1 for all."""
        self.kind = kind
        self._springs: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        for name, parameter in penalised.items():
            anchor = anchors[name].to(parameter.device, parameter.dtype, copy=True)
            stiffness = torch.full_like(anchor, weight)
            if importance is not None:
                stiffness.mul_(importance[name].to(parameter.device, parameter.dtype))
            self._springs[id(parameter)] = anchor.reshape(-1), stiffness.reshape(-1)

    def bind(self, parameters: Sequence[torch.Tensor]) -> WeightTerm | None:
        """Return the penalty over those of `parameters` that it concerns, None if it concerns none of them."""
        penalised = [parameter for parameter in parameters if id(parameter) in self._springs]
        if not penalised:
            return None
        springs = [self._springs[id(parameter)] for parameter in penalised]
        anchors, stiffness = (torch.cat(column) for column in zip(*springs, strict=True))
        return WeightTerm(self.kind, penalised, anchors, stiffness)
