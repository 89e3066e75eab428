"""The rma encoder: what is particular in a world, told to a teacher, found in the history by a student.

Source: Kumar et al. 2021, RMA: Rapid Motor Adaptation for Legged Robots, arXiv 2107.04034.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from gymnasium import spaces
from torch import nn

from ...errors import AgentsError
from ...rollouts.privileged import PrivilegedSpace
from ..activations import activation_class
from ..freezing import is_frozen
from ..normalizer import RunningNormalizer
from .memory import memory_class
from .mlp import make_layers
from .window import WindowEncoder

__all__ = ["AdaptationModule", "ExtrinsicsEncoder", "RmaEncoder"]

_HIDDEN = 64  # units between a world's parameters and its extrinsics


class ExtrinsicsEncoder(nn.Module):
    """The teacher's: normaliser of world parameters -> hidden layer -> extrinsics."""

    def __init__(self, num_parameters: int, width: int, activation: str) -> None:
        """Read `num_parameters` numbers into `width` of them."""
        super().__init__()
        self.normalizer = RunningNormalizer(num_parameters)
        self.layers = nn.Sequential(
            nn.Linear(num_parameters, _HIDDEN), activation_class(activation)(), nn.Linear(_HIDDEN, width)
        )

    def normalize(self, told: torch.Tensor) -> torch.Tensor:
        """Return parameters and flag (N, k + 1) with the parameters normalised; zeros where nothing is told."""
        known = told[:, -1:]
        return torch.cat([self.normalizer(told[:, :-1]) * known, known], dim=1)

    def forward(self, normalized: torch.Tensor) -> torch.Tensor:
        """Return extrinsics (N, width) of what `normalize` returned; of the average world where nothing is told."""
        extrinsics: torch.Tensor = self.layers(normalized[:, :-1])
        return extrinsics

    def update_statistics(self, told: torch.Tensor) -> None:
        """Merge the parameters of all rows (N, k + 1) that tell them; a frozen normaliser stays as it is."""
        if not is_frozen(self.normalizer):
            self.normalizer.update(told[told[:, -1] > 0, :-1])


class AdaptationModule(nn.Module):
    """The student's: memory over the window -> extrinsics. `adapted` is 1 once it speaks in the teacher's place."""

    adapted: torch.Tensor

    def __init__(self, slot_dim: int, length: int, cell: str, memory_width: int, width: int, activation: str) -> None:
        """Read windows of `length` slots by a memory of CELLS into `width` numbers."""
        super().__init__()
        self.register_buffer("adapted", torch.zeros(()))
        self.memory = memory_class(cell)(slot_dim, memory_width, length, activation)
        self.output = nn.Linear(memory_width, width)

    def forward(self, slots: torch.Tensor) -> torch.Tensor:
        """Return extrinsics (N, width) as slots (N, length, slot_dim) of normalised numbers suggest them."""
        extrinsics: torch.Tensor = self.output(self.memory(slots))
        return extrinsics


class RmaEncoder(WindowEncoder):
    """Linear layers over the newest observation and the extrinsics z of its world, numbers that stand for its physics.

    As a teacher z is a function of the parameters that the worlds tell. Where they tell none, on every target and in
    every evaluation, z is that of the average world. As a student (`adaptation.adapted`) z is found in the window, and
    what worlds tell is not looked at.
    """

    def __init__(
        self,
        observation_space: spaces.Space[object],
        length: int,
        extrinsics: int = 8,
        parameters: Sequence[str] = (),
        cell: str = "gru",
        memory_width: int = 32,
        widths: Sequence[int] = (),
        layer_norm: bool = True,
        activation: str = "elu",
    ) -> None:
        """Build a teacher of worlds with these `parameters`; AgentsError if observations have no room for them."""
        if not isinstance(observation_space, PrivilegedSpace) or observation_space.parameters != tuple(parameters):
            raise AgentsError(
                f"an rma encoder reads windows with world parameters, here {', '.join(parameters) or 'none'}, not "
                f"{observation_space}: name them in encoder.parameters and give the learner a gymnasium VectorEnv"
            )
        space = observation_space
        joined = space.obs_dim + extrinsics
        super().__init__(space, length, widths[-1] if len(widths) else joined)
        self.width = extrinsics
        self._parts = [space.length * space.slot_dim, len(space.parameters) + 1]
        self.extrinsics = ExtrinsicsEncoder(len(space.parameters), extrinsics, activation)
        self.adaptation = AdaptationModule(space.slot_dim, length, cell, memory_width, extrinsics, activation)
        self.layers = make_layers(joined, widths, layer_norm, activation)

    def split(self, obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return windows (N, length * slot_dim), and parameters with their flag (N, k + 1), raw or normalised."""
        windows, told = torch.split(obs, self._parts, dim=1)
        return windows, told

    def normalize(self, obs: torch.Tensor) -> torch.Tensor:
        """Return windows with parameters (N, D), all normalised, float32; zeros where there is nothing."""
        windows, told = self.split(obs)
        return torch.cat([super().normalize(windows), self.extrinsics.normalize(told)], dim=1)

    def encode(self, normalized: torch.Tensor) -> torch.Tensor:
        """Return features (N, features_dim) of normalised windows with parameters (N, D)."""
        windows, told = self.split(normalized)
        slots = self.slots(windows)
        extrinsics = self.adaptation(slots) if self.adaptation.adapted else self.extrinsics(told)
        features: torch.Tensor = self.layers(torch.cat([extrinsics, self.newest(slots)], dim=1))
        return features

    def update_statistics(self, obs: torch.Tensor) -> None:
        """Merge the newest observations of windows with parameters (N, D), and the parameters of those that tell."""
        windows, told = self.split(obs)
        super().update_statistics(windows)
        self.extrinsics.update_statistics(told)

    def input_segments(self) -> Mapping[str, tuple[str | int, ...]]:
        """Return, for every tensor that reads entries, what lies along its axis 1 (for spaces that differ).

        Raises:
            AgentsError: without widths, as the heads then read raw entries beside the extrinsics.
        """
        if not len(self.layers):
            raise AgentsError("an rma encoder without widths cannot be carried between spaces that differ")
        memory = self.adaptation.memory.reads_slots
        slots = ("observation", "action", 1)
        return {f"adaptation.memory.{memory}": slots, "layers.0.weight": (self.width, "observation")}
