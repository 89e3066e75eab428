"""Features of all transitions in a replay, computed once, as long as the encoder stands still."""

from __future__ import annotations

from typing import NamedTuple

import torch

from ..networks.encoders import Encoder
from .replay import Replay

__all__ = ["FeatureCache"]


class _Stamp(NamedTuple):
    """Which encoder, with which values: torch counts the writes into every tensor."""

    encoder: int
    writes: tuple[int, ...]


class FeatureCache:
    """Keeps features of `obs` and `next_obs` beside a replay's raw rows, for a frozen encoder.

    They are computed in blocks of one step of all worlds, whether when the step is added or all at once later:
    the same product of the same shape, hence the same bytes after a continued run. A version stamp shows
    whether the encoder has been written to since. Optimizers that write without being counted exist, so whoever trains
    the encoder must `forget` as well.
    """

    def __init__(self, replay: Replay, device: torch.device) -> None:
        """Start empty."""
        self._replay, self._device = replay, device
        self._table = torch.empty(0)
        self._stamp: _Stamp | None = None

    @property
    def valid(self) -> bool:
        """Whether features are cached."""
        return self._stamp is not None

    def forget(self) -> None:
        """Drop all features, and their memory."""
        self._table, self._stamp = torch.empty(0), None

    @torch.no_grad()
    def refresh(self, encoder: Encoder, rows: slice | None = None) -> None:
        """Cache what the frozen `encoder` makes of every transition; `rows`: a block that was just added."""
        stamp = _Stamp(id(encoder), tuple(t._version for t in [*encoder.parameters(), *encoder.buffers()]))
        if stamp != self._stamp:
            self._table = torch.empty((self._replay.capacity, 2 * encoder.features_dim), device=self._device)
            self._stamp = stamp
            for start in range(0, self._replay.size, self._replay.num_envs):
                self._encode(encoder, start)
        elif rows is not None:
            self._encode(encoder, rows.start)

    def _encode(self, encoder: Encoder, start: int) -> None:
        """Fill the block that begins at row `start`."""
        block = self._replay.block(start)
        features = encoder(torch.cat([block.obs, block.next_obs]))
        self._table[start : start + len(block.obs)] = torch.cat(features.chunk(2), dim=1)

    def gather(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return features of obs and next_obs, each (N, features_dim), of the transitions in `rows` (N,)."""
        obs, next_obs = torch.index_select(self._table, 0, rows).chunk(2, dim=1)
        return obs, next_obs
