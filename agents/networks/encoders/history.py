"""The history encoder: features of the last observations and actions, for what one observation does not show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from gymnasium import spaces

from ...errors import AgentsError
from .memory import memory_class
from .mlp import make_layers
from .window import WindowEncoder

__all__ = ["HistoryEncoder"]


class HistoryEncoder(WindowEncoder):
    """normaliser -> memory over the window -> linear layers that read the memory and the newest observation.

    The newest observation reaches the layers directly, too: what an mlp encoder would see is not lost in the memory.
    """

    def __init__(
        self,
        observation_space: spaces.Space[object],
        length: int,
        cell: str = "gru",
        memory_width: int = 32,
        widths: Sequence[int] = (),
        layer_norm: bool = True,
        activation: str = "elu",
    ) -> None:
        """Build for windows of `length`; `cell` is one of CELLS. AgentsError if observations are no such windows."""
        space = self.require_windows(observation_space, length)
        joined = memory_width + space.obs_dim
        super().__init__(space, length, widths[-1] if len(widths) else joined)
        self.memory = memory_class(cell)(space.slot_dim, memory_width, length, activation)
        self.layers = make_layers(joined, widths, layer_norm, activation)

    def encode(self, normalized: torch.Tensor) -> torch.Tensor:
        """Return features (N, features_dim) of normalised windows (N, D)."""
        slots = self.slots(normalized)
        features: torch.Tensor = self.layers(torch.cat([self.memory(slots), self.newest(slots)], dim=1))
        return features

    def input_segments(self) -> Mapping[str, tuple[str | int, ...]]:
        """Return, for every tensor that reads entries, what lies along its axis 1 (for spaces that differ).

        Raises:
            AgentsError: without widths, as the heads then read raw entries beside the memory.
        """
        if not len(self.layers):
            raise AgentsError("a history encoder without widths cannot be carried between spaces that differ")
        slots = ("observation", "action", 1)
        return {f"memory.{self.memory.reads_slots}": slots, "layers.0.weight": (self.memory.width, "observation")}
