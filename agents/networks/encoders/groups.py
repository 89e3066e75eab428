"""GroupEncoder: an encoder for every observation group, their features side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from ...errors import AgentsError
from ...rollouts.groups import GroupSpace
from ..freezing import is_frozen
from ..normalizer import RunningNormalizer
from .encoder import Encoder

__all__ = ["GroupEncoder", "group_box"]


def group_box(space: GroupSpace, name: str) -> spaces.Box:
    """Return the space of one group's columns, of one that is absent as well."""
    if name in space.groups:
        return space.groups[name]
    return spaces.Box(-np.inf, np.inf, (space.absent[name],), np.float32)


class GroupEncoder(Encoder):
    """The encoders of all groups; rows are split between them, their features joined in the same order.

    Each is a child of the group's name, so its layers are units `encoder.<group>.layers.0`. A group that the worlds do
    not show is read as its normalised mean: its features are those of the average world, whatever rows hold.
    """

    def __init__(self, observation_space: spaces.Space[object], encoders: Mapping[str, Encoder]) -> None:
        """Join `encoders`, group -> what reads its columns; AgentsError unless they are the groups of the space."""
        if not isinstance(observation_space, GroupSpace):
            raise AgentsError(f"encoders of groups read rows of several groups, not {observation_space}")
        self._widths: dict[str, int] = {}
        BaseFeaturesExtractor.__init__(self, observation_space, sum(e.features_dim for e in encoders.values()))
        self._present = tuple(observation_space.groups)
        for name, encoder in encoders.items():
            if hasattr(self, name):
                raise AgentsError(f"observation group {name!r}: an encoder cannot be called so, choose another name")
            self.add_module(name, encoder)
            self._widths[name] = int(group_box(observation_space, name).shape[0])

    @property
    def names(self) -> tuple[str, ...]:
        """The groups, in the order of columns and features."""
        return tuple(self._widths)

    def of(self, name: str) -> Encoder:
        """Return the encoder of one group."""
        encoder = self.get_submodule(name)
        assert isinstance(encoder, Encoder)
        return encoder

    @property
    def normalizer(self) -> RunningNormalizer:  # type: ignore[override] # a child of this one
        """The statistics of the group `policy`."""
        return self.of(self.names[0]).normalizer

    @property
    def statistics_stand_still(self) -> bool:
        """Whether no group's statistics learn."""
        return all(is_frozen(self.of(name).normalizer) for name in self._present)

    def _columns(self, rows: torch.Tensor, names: Sequence[str]) -> dict[str, torch.Tensor]:
        """Return the columns of the groups `names`, all there are in `rows` (N, dim)."""
        return dict(zip(names, torch.split(rows, [self._widths[name] for name in names], dim=1), strict=True))

    def _shown(self, rows: torch.Tensor) -> tuple[str, ...]:
        """Return the groups that raw `rows` hold; a world that is only evaluated may not show the last one."""
        held = self._present if rows.shape[1] == sum(self._widths[n] for n in self._present) else self._present[:-1]
        return held

    def normalize(self, obs: torch.Tensor) -> torch.Tensor:
        """Return the normalised columns of all groups (N, D), zeros of those that are not shown."""
        columns = self._columns(obs, self._shown(obs))
        parts = [
            self.of(name).normalize(columns[name])
            if name in columns
            else obs.new_zeros((len(obs), width), dtype=torch.float32)
            for name, width in self._widths.items()
        ]
        return torch.cat(parts, dim=1)

    def encode(self, normalized: torch.Tensor) -> torch.Tensor:
        """Return the features of all groups (N, features_dim) of what `normalize` returned."""
        columns = self._columns(normalized, self.names)
        return torch.cat([self.of(name).encode(columns[name]) for name in self.names], dim=1)

    def pick(self, features: torch.Tensor, groups: Sequence[str]) -> torch.Tensor:
        """Return the features (N, width) of `groups` alone; what a surgery has put behind them is left out."""
        parts = torch.split(features[:, : self.features_dim], [self.of(n).features_dim for n in self.names], dim=1)
        chosen = [part for name, part in zip(self.names, parts, strict=True) if name in groups]
        return chosen[0] if len(chosen) == 1 else torch.cat(chosen, dim=1)

    def width_of(self, groups: Sequence[str]) -> int:
        """Return how many features the `groups` have."""
        return sum(self.of(name).features_dim for name in self.names if name in groups)

    def require_saved(self) -> None:
        """Raise AgentsError if an encoder acts by anything but its parameters and buffers."""
        for name in self.names:
            self.of(name).require_saved()

    def update_statistics(self, obs: torch.Tensor) -> None:
        """Merge raw rows (N, dim) into the statistics of the groups that they hold, but frozen ones."""
        for name, columns in self._columns(obs, self._shown(obs)).items():
            if not is_frozen(self.of(name).normalizer):
                self.of(name).update_statistics(columns)
