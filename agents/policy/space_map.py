"""Carrying tensors over between spaces that differ: entry by entry along the axes that they index.

What a target entry without a partner gets is the tensor's business. Weights that read observations or actions get
zero: a network with a sensor more then computes the same function as before until it learns to use it, the idea of
Net2Net (Chen, Goodfellow, Shlens 2016, arXiv 1511.05641) for an input instead of a unit. The gradient by such a weight
is the entry times that of the unit behind it, so zero is a start like any other. Statistics and what leads to an
action get the fresh policy's initial values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ..errors import PartsError
from .entry_map import EntryMap
from .policy_average import acting_tensors

__all__ = ["Axes", "AxisEntries", "Segment", "carry_entries"]

# A run of entries on an axis: "observation" or "action", all entries of that space; or a number of others, the same
# ones for source and target.
Segment = str | int


@dataclass(frozen=True)
class AxisEntries:
    """What the entries along one axis of a tensor stand for.

    Attributes:
        axis: of the tensor.
        segments: what lies along it, one after the other.
        zero: whether entries without a partner become zero; otherwise they are as in the fresh policy.
    """

    axis: int
    segments: tuple[Segment, ...]
    zero: bool


Axes = Mapping[str, tuple[AxisEntries, ...]]  # tensor name -> those of its axes that index a space


def carry_entries(
    source: Mapping[str, torch.Tensor], fresh: Mapping[str, torch.Tensor], axes: Axes, maps: Mapping[str, EntryMap]
) -> dict[str, torch.Tensor]:
    """Return the tensors of `source` in the shapes of `fresh`.

    Tensors that `axes` does not name, or that only one side has, are those of `source` as they are; a source that acts
    by an average of policies has that for its policy head.

    Args:
        source: tensors of the source's policy by name.
        fresh: those of a fresh policy for the target.
        axes: which axes index which space, for that policy.
        maps: for "observation" and "action" which entries correspond.

    Raises:
        PartsError: for a tensor whose other axes differ too, or whose size is not that of the map.
    """
    return {
        name: _carry(name, tensor, fresh[name], axes[name], maps) if name in axes and name in fresh else tensor
        for name, tensor in acting_tensors(source).items()
    }


def _carry(
    name: str,
    source: torch.Tensor,
    fresh: torch.Tensor,
    described: tuple[AxisEntries, ...],
    maps: Mapping[str, EntryMap],
) -> torch.Tensor:
    """Return one tensor of the shape of `fresh`."""
    along = {entry.axis: _joined(entry.segments, maps) for entry in described}
    _require_fit(name, source, fresh, along)
    result = fresh.detach().to(source.device, source.dtype, copy=True)
    for entry in described:
        if entry.zero:
            result.index_fill_(entry.axis, torch.tensor(along[entry.axis].fresh, dtype=torch.long), 0.0)
    taken = source
    for axis, entries in along.items():
        taken = taken.index_select(axis, torch.tensor(entries.sources, dtype=torch.long))
    places = [
        torch.tensor(along[axis].targets if axis in along else range(size), dtype=torch.long)
        for axis, size in enumerate(fresh.shape)
    ]
    result[torch.meshgrid(*places, indexing="ij")] = taken
    return result


def _joined(segments: tuple[Segment, ...], maps: Mapping[str, EntryMap]) -> EntryMap:
    """Return the map along an axis made of `segments`."""
    return EntryMap.join([EntryMap.identity(s) if isinstance(s, int) else maps[s] for s in segments])


def _require_fit(name: str, source: torch.Tensor, fresh: torch.Tensor, along: Mapping[int, EntryMap]) -> None:
    """Raise PartsError unless both tensors have the sizes of the maps along mapped axes, and equal ones elsewhere."""
    fits = source.ndim == fresh.ndim and all(
        (have, want) == ((along[axis].size_source, along[axis].size_target) if axis in along else (want, want))
        for axis, (have, want) in enumerate(zip(source.shape, fresh.shape, strict=True))
    )
    if not fits:
        mapped = ", ".join(f"axis {axis}: {m.size_source} to {m.size_target}" for axis, m in along.items())
        raise PartsError(
            f"{name} is {tuple(source.shape)}, the policy's is {tuple(fresh.shape)}: "
            f"that is more than the spaces explain ({mapped}); source and target need the same layers"
        )
