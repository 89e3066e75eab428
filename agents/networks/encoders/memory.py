"""CELLS: what reads the slots of a window in order and keeps one vector of them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from ..activations import activation_class
from ..lookup import look_up

__all__ = ["CELLS", "CellRow", "GruMemory", "Memory", "TcnMemory", "memory_class"]


class Memory(nn.Module):
    """Base: reads slots (N, length, slot_dim), oldest first; slots before the episode are all zeros.

    Attributes:
        reads_slots: name of the tensor whose axis 1 are the entries of a slot.
        width: how many numbers it keeps.
    """

    reads_slots: str

    def __init__(self, slot_dim: int, width: int, length: int, activation: str) -> None:
        """Read `length` slots into `width` numbers; `activation` is one of ACTIVATIONS."""
        super().__init__()
        self.width = width

    def forward(self, slots: torch.Tensor) -> torch.Tensor:
        """Return what is remembered at the newest slot, (N, width)."""
        raise NotImplementedError


class GruMemory(Memory):
    """A gated recurrent unit (Cho et al. 2014, arXiv 1406.1078), run from zero over the window.

    It has no biases: the flag of a slot is 1 where there is one, so its weights are the biases, and over slots
    of zeros the state stays exactly zero. So a short episode's state is that of its own slots alone.
    """

    reads_slots = "gru.weight_ih_l0"

    def __init__(self, slot_dim: int, width: int, length: int, activation: str) -> None:
        """Build the unit; its nonlinearities are its own, `length` and `activation` change nothing."""
        super().__init__(slot_dim, width, length, activation)
        self.gru = nn.GRU(slot_dim, width, bias=False)

    def forward(self, slots: torch.Tensor) -> torch.Tensor:
        """Return the state after the newest slot, (N, width)."""
        # In the cell's own order, contiguous: over strided input torch takes another way through a product, with
        # other rounding, where weights want no gradient, and a frozen encoder would not be equal to itself.
        _, last = self.gru(slots.transpose(0, 1).clone(memory_format=torch.contiguous_format))
        state: torch.Tensor = last[0]
        return state


class TcnMemory(Memory):
    """Causal convolutions of two taps with dilations 1, 2, 4 ... (van den Oord et al. 2016, arXiv 1609.03499).

    Only the newest output is wanted, and that depends on a binary tree of the others: level by level,
    neighbours are joined by the level's two taps, so 2^levels slots cost as many joins, not levels times that.
    A window that is no power of two long is preceded by slots of zeros.
    """

    reads_slots = "embedding.weight"

    def __init__(self, slot_dim: int, width: int, length: int, activation: str) -> None:
        """Build an embedding of single slots, then as many levels as reach back `length` slots."""
        super().__init__(slot_dim, width, length, activation)
        levels = (length - 1).bit_length()
        self._missing = 2**levels - length
        self.embedding = nn.Linear(slot_dim, width)
        self.levels = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(levels))
        self.activation = activation_class(activation)()

    def forward(self, slots: torch.Tensor) -> torch.Tensor:
        """Return the last level's output at the newest slot, (N, width)."""
        slots = nn.functional.pad(slots, (0, 0, self._missing, 0))
        state = self.activation(self.embedding(slots))
        for level in self.levels:  # (N, 2 n, width) -> (N, n, width): the earlier of two is the dilated tap
            state = self.activation(level(state.reshape(len(state), -1, level.in_features)))
        joined: torch.Tensor = state[:, 0]
        return joined


class CellRow(NamedTuple):
    """One row of CELLS: the class, and one line on what it is."""

    cls: type[Memory]
    description: str


CELLS: dict[str, CellRow] = {
    "gru": CellRow(GruMemory, "a gated recurrent unit run over the window"),
    "tcn": CellRow(TcnMemory, "causal convolutions, dilations doubling, over the window"),
}


def memory_class(cell: str) -> type[Memory]:
    """Return the memory called `cell`; AgentsError with the valid names if there is none."""
    return look_up("encoder cell", cell, CELLS).cls
