"""Minibatches for the updates: many are drawn at once, each is a slice of that, with random numbers of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch

from ..off_policy.pools import Pool, draw_batches
from .policy import SacPolicy
from .settings import SACSettings

__all__ = ["Batch", "iterate_batches"]

_MOST_ROWS = 8192  # drawn at once: enough to make a gather cheap, few enough to stay in a cache


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
        drawn = draw_batches(policy.encoder, pools, some, generator)
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
