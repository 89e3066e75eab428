"""Pools: where the transitions of minibatches are drawn from; many are drawn, gathered and normalised at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from ..networks.encoders import Encoder
from .feature_cache import FeatureCache
from .replay import Replay, Rows

__all__ = ["Drawn", "Pool", "draw_batches"]


class Pool(NamedTuple):
    """Where a fixed number of a batch's transitions is drawn from."""

    replay: Replay
    rows: int  # of every batch
    cache: FeatureCache | None = None  # features of a frozen encoder; None: observations are normalised
    correction: Callable[[Rows], torch.Tensor] | None = None  # transitions -> what is added to their rewards, (N,)


class Drawn(NamedTuple):
    """Columns of N transitions: those of all batches, batch by batch."""

    inputs: torch.Tensor  # (N, D): normalised observations, or features of a frozen encoder
    next_inputs: torch.Tensor  # (N, D) of what followed
    actions: torch.Tensor  # (N, A) scaled
    rewards: torch.Tensor  # (N,)
    continues: torch.Tensor  # (N,): 0 where the task ended
    obs: torch.Tensor  # (N, obs_dim) raw


def draw_batches(encoder: Encoder, pools: Sequence[Pool], num: int, generator: torch.Generator) -> Drawn:
    """Draw the transitions of `num` batches; in each, the rows of one pool come after those of another.

    `encoder` normalises the observations of pools without cached features.
    """
    drawn = [_draw(encoder, pool, num, generator) for pool in pools]
    if len(drawn) == 1:
        return drawn[0]
    columns = (
        torch.cat([column.unflatten(0, (num, -1)) for column in columns], dim=1).flatten(0, 1)
        for columns in zip(*drawn, strict=True)
    )
    return Drawn(*columns)


def _draw(encoder: Encoder, pool: Pool, num: int, generator: torch.Generator) -> Drawn:
    """Draw and gather the transitions that `num` batches take from a pool."""
    chosen = pool.replay.draw(num * pool.rows, generator)
    rows = pool.replay.gather(chosen)
    if pool.cache is None:
        inputs, next_inputs = encoder.normalize(torch.cat([rows.obs, rows.next_obs])).chunk(2)
    else:
        inputs, next_inputs = pool.cache.gather(chosen)
    rewards = rows.rewards if pool.correction is None else rows.rewards + pool.correction(rows)
    return Drawn(inputs, next_inputs, rows.actions, rewards, rows.continues, rows.obs)
