"""A rollout as one table of float32 columns side by side, so that a permutation of all of them is one gather.

What is the same for a whole update is computed here, once: normalised observations (the statistics stand
still within an update) or, where the encoder is frozen, its features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch

from ..learning.returns import Rollout
from ..networks.encoders import Encoder
from ..networks.freezing import is_frozen
from ..plan.regularisers.kl_source import KlTerm
from .policy import AgentPolicy

__all__ = ["Batch", "Columns", "make_table"]


class Batch(NamedTuple):
    """One minibatch of N samples; where the value alone trains, the policy's columns are empty, (N, 0)."""

    policy_inputs: torch.Tensor  # (N, D): normalised observations or cached features
    value_inputs: torch.Tensor  # (N, D'), (N, 0) where the encoder is shared
    actions: torch.Tensor  # (N, action_dim)
    log_probs: torch.Tensor  # (N,) when they were collected
    advantages: torch.Tensor  # (N,)
    returns: torch.Tensor  # (N,) in the value head's unit
    source: torch.Tensor  # (N, 2 A) means and log stds of the source's policy, (N, 0) where nobody asks for them


@dataclass(frozen=True)
class Columns:
    """How the table is laid out, and which of its inputs are features already."""

    widths: tuple[int, ...]  # of the fields of Batch
    shared: bool  # one encoder for both heads
    policy_cached: bool  # policy_inputs are features
    value_cached: bool  # value_inputs are features
    value_only: bool  # the policy does not train

    def batch(self, rows: torch.Tensor) -> Batch:
        """Return the columns of `rows` (N, D) as views."""
        columns = torch.split(rows, list(self.widths), dim=1)
        if self.value_only:
            vectors = columns[3], columns[4], columns[5].squeeze(-1)
        else:
            vectors = columns[3].squeeze(-1), columns[4].squeeze(-1), columns[5].squeeze(-1)
        return Batch(columns[0], columns[1], columns[2], *vectors, columns[6])


def _inputs(encoder: Encoder, obs: torch.Tensor, features: torch.Tensor | None) -> tuple[torch.Tensor, bool]:
    """Return what an update feeds behind the normaliser (N, D), and whether that is features already.

    `features` are those of an encoder that keeps them throughout the update, None for others.
    """
    if features is not None:
        return features, True
    with torch.no_grad():
        return encoder.normalize(obs), False


def make_table(
    policy: AgentPolicy, rollout: Rollout, cache: bool, value_only: bool, kl: KlTerm | None = None
) -> tuple[torch.Tensor, Columns]:
    """Return the rollout as one table (T * B, D) on the learner's device, and its layout.

    What the source's policy would do in every state is computed here too, if `kl` is to hold the policy near it.
    """
    obs = rollout.flat("observations")
    empty = obs[:, :0]
    shared = policy.value_encoder is policy.encoder
    policy_inputs, policy_cached, value_inputs, value_cached = empty, False, empty, False
    if shared or not value_only:
        features = rollout.features.reshape(len(obs), -1)
        kept = features if cache and policy.keeps_features else None
        policy_inputs, policy_cached = _inputs(policy.encoder, obs, kept)
    if not shared:
        kept = rollout.value_features if cache and is_frozen(policy.value_encoder) else None
        value_inputs, value_cached = _inputs(policy.value_encoder, obs, kept)
    names = ("actions", "log_probs", "advantages")
    policy_columns = [empty if value_only else rollout.flat(name) for name in names]
    source = empty if kl is None else kl.targets(obs)
    columns = [policy_inputs, value_inputs, *policy_columns, rollout.flat("returns"), source]
    widths = tuple(column.shape[1] for column in columns)
    return torch.cat(columns, dim=1), Columns(widths, shared, policy_cached, value_cached, value_only)
