"""Adapters: what a surgery adds to a policy, and where it takes part in what the policy does."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import nn

from ...networks.encoders import Encoder
from ...policy.parts import Parted

__all__ = ["Adaptable", "Adapters"]


class Adapters(nn.Module):
    """Base: tensors beside those of the source, all of the part `adapters`; by itself it changes nothing.

    A policy calls `head_output` in the place of its head. What a surgery changes elsewhere must live here too,
    so that every tensor has one owner.
    """

    def head_output(self, features: torch.Tensor, hidden: nn.Module, output: nn.Module) -> torch.Tensor:
        """Return what the policy head says (N, out) of the encoder's features (N, F).

        `hidden` and `output` are the head's own layers, called one after the other where there are no adapters.
        """
        said: torch.Tensor = output(hidden(features))
        return said

    @property
    def moves_features(self) -> bool:
        """Whether training changes what a frozen encoder puts out: then its features must not be kept."""
        return False


class Adaptable(Parted, Protocol):
    """What a surgery asks of a policy."""

    adapters: Adapters | None

    @property
    def encoder(self) -> Encoder:
        """The encoder the policy head reads."""
        ...
