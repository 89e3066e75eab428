"""The rma encoder: what is particular in a world, shown to a teacher, found in the history by a student.

Source: Kumar et al. 2021, RMA: Rapid Motor Adaptation for Legged Robots, arXiv 2107.04034.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from gymnasium import spaces
from torch import nn

from ...errors import AgentsError
from ...rollouts.groups import POLICY, PRIVILEGED, GroupSpace
from ..activations import activation_class
from ..freezing import is_frozen
from ..normalizer import RunningNormalizer
from .groups import group_box
from .memory import memory_class
from .mlp import make_layers
from .window import WindowEncoder

__all__ = ["AdaptationModule", "ExtrinsicsEncoder", "RmaEncoder"]

_HIDDEN = 64  # units between a world's parameters and its extrinsics


class ExtrinsicsEncoder(nn.Module):
    """The teacher's: normaliser of the group `privileged` -> hidden layer -> extrinsics."""

    def __init__(self, num_entries: int, width: int, activation: str) -> None:
        """Read `num_entries` numbers into `width` of them."""
        super().__init__()
        self.normalizer = RunningNormalizer(num_entries)
        self.layers = nn.Sequential(
            nn.Linear(num_entries, _HIDDEN), activation_class(activation)(), nn.Linear(_HIDDEN, width)
        )

    def forward(self, normalized: torch.Tensor) -> torch.Tensor:
        """Return extrinsics (N, width) of normalised entries (N, k)."""
        extrinsics: torch.Tensor = self.layers(normalized)
        return extrinsics


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

    As a teacher z is a function of the group `privileged`. Where worlds do not show it, in evaluations and on every
    target, z is that of the average world. As a student (`adaptation.adapted`) z is found in a window over the group
    `policy`, and `privileged` is not read.
    """

    def __init__(
        self,
        observation_space: spaces.Space[object],
        length: int,
        extrinsics: int = 8,
        cell: str = "gru",
        memory_width: int = 32,
        widths: Sequence[int] = (),
        layer_norm: bool = True,
        activation: str = "elu",
    ) -> None:
        """Build a teacher; AgentsError unless rows are a window of `policy`, then `privileged`, which may be absent."""
        if not isinstance(observation_space, GroupSpace) or PRIVILEGED not in _names(observation_space):
            raise AgentsError(
                f"an rma encoder reads windows of group {POLICY!r} and the group {PRIVILEGED!r}, not "
                f"{observation_space}: name its entries in the setting `{PRIVILEGED}` and give the learner a gymnasium "
                "VectorEnv"
            )
        space = self.require_windows(observation_space.groups[POLICY], length)
        joined = space.obs_dim + extrinsics
        super().__init__(space, length, widths[-1] if len(widths) else joined)
        self.width, self._window_dim = extrinsics, int(space.shape[0])
        num_entries = int(group_box(observation_space, PRIVILEGED).shape[0])
        self.extrinsics = ExtrinsicsEncoder(num_entries, extrinsics, activation)
        self.adaptation = AdaptationModule(space.slot_dim, length, cell, memory_width, extrinsics, activation)
        self.layers = make_layers(joined, widths, layer_norm, activation)

    def split(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return windows (N, length * slot_dim) and privileged entries (N, k), raw or normalised; k = 0: not shown."""
        return rows[:, : self._window_dim], rows[:, self._window_dim :]

    def normalize(self, obs: torch.Tensor) -> torch.Tensor:
        """Return normalised windows and privileged entries (N, D), float32; the mean, 0, where these are not shown."""
        windows, entries = self.split(obs)
        normalizer = self.extrinsics.normalizer
        shown = entries.shape[1] > 0
        known = normalizer(entries) if shown else windows.new_zeros((len(obs), *normalizer.mean.shape)).float()
        return torch.cat([super().normalize(windows), known], dim=1)

    def encode(self, normalized: torch.Tensor) -> torch.Tensor:
        """Return features (N, features_dim) of what `normalize` returned."""
        windows, entries = self.split(normalized)
        slots = self.slots(windows)
        extrinsics = self.adaptation(slots) if self.adaptation.adapted else self.extrinsics(entries)
        features: torch.Tensor = self.layers(torch.cat([extrinsics, self.newest(slots)], dim=1))
        return features

    def update_statistics(self, obs: torch.Tensor) -> None:
        """Merge the newest observations of rows (N, D), and the privileged entries where they are shown and learn."""
        windows, entries = self.split(obs)
        super().update_statistics(windows)
        if entries.shape[1] and not is_frozen(self.extrinsics.normalizer):
            self.extrinsics.normalizer.update(entries)

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


def _names(space: GroupSpace) -> set[str]:
    return space.groups.keys() | space.absent.keys()
