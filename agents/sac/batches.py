"""Minibatches out of the replay: many are drawn, gathered and normalised at once, each is a slice of that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch

from ..replay.feature_cache import FeatureCache
from ..replay.replay import Replay, Rows
from .policy import SacPolicy
from .settings import SACSettings

__all__ = ["Batch", "Pool", "iterate_batches"]

_MOST_ROWS = 8192  # drawn at once: enough to make a gather cheap, few enough to stay in a cache


class Pool(NamedTuple):
    """Where a fixed number of a batch's transitions is drawn from."""

    replay: Replay
    rows: int  # of every batch
    cache: FeatureCache | None = None  # features of a frozen encoder; None: observations are normalised
    correction: Callable[[Rows], torch.Tensor] | None = None  # transitions -> what is added to their rewards, (N,)


class Batch(NamedTuple):
    """One minibatch of B transitions, with the random numbers its update uses."""

    inputs: torch.Tensor  # (B, D): normalised observations, or features of a frozen encoder
    next_inputs: torch.Tensor  # (B, D) of what followed
    actions: torch.Tensor  # (B, A) scaled
    rewards: torch.Tensor  # (B,)
    continues: torch.Tensor  # (B,): 0 where the task ended
    noise: torch.Tensor  # (B, A) of the policy's actions now
    next_noise: torch.Tensor  # (B, A) of those in what followed
    subset: torch.Tensor | None  # (M,) critics the target is made of, None: all
    obs: torch.Tensor  # (B, obs_dim) raw


def _draw_subsets(num: int, settings: SACSettings, generator: torch.Generator) -> torch.Tensor | None:
    """Return `num` random subsets (num, M) of the critics, None if M = N."""
    if settings.num_subset == settings.num_critics:
        return None
    ranks = torch.rand((num, settings.num_critics), generator=generator).argsort(dim=1)
    return ranks[:, : settings.num_subset]


class _Drawn(NamedTuple):
    """Columns of the transitions that were drawn, of all batches alike, as `Batch` has them."""

    inputs: torch.Tensor
    next_inputs: torch.Tensor
    actions: torch.Tensor
    rewards: torch.Tensor
    continues: torch.Tensor
    obs: torch.Tensor


def _draw(policy: SacPolicy, pool: Pool, num: int, generator: torch.Generator) -> _Drawn:
    """Draw and gather the transitions that `num` batches want of a pool."""
    chosen = pool.replay.draw(num * pool.rows, generator)
    rows = pool.replay.gather(chosen)
    if pool.cache is None:
        inputs, next_inputs = policy.encoder.normalize(torch.cat([rows.obs, rows.next_obs])).chunk(2)
    else:
        inputs, next_inputs = pool.cache.gather(chosen)
    rewards = rows.rewards if pool.correction is None else rows.rewards + pool.correction(rows)
    return _Drawn(inputs, next_inputs, rows.actions, rewards, rows.continues, rows.obs)


def _interleave(drawn: Sequence[_Drawn], num: int) -> _Drawn:
    """Return what was drawn of several pools, batch by batch: in each, the rows of one pool after those of another."""
    if len(drawn) == 1:
        return drawn[0]
    columns = (
        torch.cat([column.unflatten(0, (num, -1)) for column in columns], dim=1).flatten(0, 1)
        for columns in zip(*drawn, strict=True)
    )
    return _Drawn(*columns)


def iterate_batches(
    policy: SacPolicy, pools: Sequence[Pool], settings: SACSettings, generator: torch.Generator, num: int
) -> Iterator[Batch]:
    """Yield `num` minibatches of what `pools` give; all that is random comes from `generator`, on the CPU.

    Features, where pools have them cached, change nothing of that. The statistics must stand still meanwhile.
    """
    size, action_dim = sum(pool.rows for pool in pools), policy.action_space.shape[0]
    while num:
        some = min(num, max(1, _MOST_ROWS // size))
        num -= some
        drawn = _interleave([_draw(policy, pool, some, generator) for pool in pools], some)
        noise = torch.randn((2, some * size, action_dim), generator=generator).to(drawn.actions.device)
        subsets = _draw_subsets(some, settings, generator)
        for index in range(some):
            part = slice(index * size, (index + 1) * size)
            subset = None if subsets is None else subsets[index].to(drawn.actions.device)
            yield Batch(
                drawn.inputs[part],
                drawn.next_inputs[part],
                drawn.actions[part],
                drawn.rewards[part],
                drawn.continues[part],
                noise[0, part],
                noise[1, part],
                subset,
                drawn.obs[part],
            )
