"""EntryMap: which entries of a target's vector are which entries of the source's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from ..errors import AgentsError

__all__ = ["EntryMap"]


@dataclass(frozen=True)
class EntryMap:
    """A partial one-to-one map from the entries of a target's vector to those of a source's.

    A target entry without a partner is fresh, a source entry without one is dropped.

    Attributes:
        size_source: entries of the source's vector.
        size_target: entries of the target's vector.
        pairs: (target index, source index) of the entries that correspond, in the target's order.
    """

    size_source: int
    size_target: int
    pairs: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        """Raise AgentsError on an index out of range, or one that is there twice."""
        object.__setattr__(self, "pairs", tuple(sorted((int(own), int(theirs)) for own, theirs in self.pairs)))
        _require_distinct("target", self.targets, self.size_target)
        _require_distinct("source", self.sources, self.size_source)

    @classmethod
    def identity(cls, size: int) -> Self:
        """Return the map of `size` entries, every one to itself."""
        return cls(size, size, tuple((i, i) for i in range(size)))

    @classmethod
    def join(cls, maps: Sequence[EntryMap]) -> Self:
        """Return the map between vectors that are those of `maps` one after the other."""
        pairs: list[tuple[int, int]] = []
        size_source = size_target = 0
        for one in maps:
            pairs += [(size_target + own, size_source + theirs) for own, theirs in one.pairs]
            size_source, size_target = size_source + one.size_source, size_target + one.size_target
        return cls(size_source, size_target, tuple(pairs))

    @property
    def targets(self) -> tuple[int, ...]:
        """Return the target entries that have a partner, in ascending order."""
        return tuple(own for own, _ in self.pairs)

    @property
    def sources(self) -> tuple[int, ...]:
        """Return their partners, in the same order."""
        return tuple(theirs for _, theirs in self.pairs)

    @property
    def fresh(self) -> tuple[int, ...]:
        """Return the target entries without a partner."""
        return tuple(sorted(set(range(self.size_target)) - set(self.targets)))

    @property
    def dropped(self) -> tuple[int, ...]:
        """Return the source entries without a partner."""
        return tuple(sorted(set(range(self.size_source)) - set(self.sources)))


def _require_distinct(side: str, indices: Sequence[int], size: int) -> None:
    for index in indices:
        if not 0 <= index < size:
            raise AgentsError(f"entry map: {side} entry {index} is not there, valid: 0 to {size - 1}")
    if len(set(indices)) < len(indices):
        twice = sorted({index for index in indices if indices.count(index) > 1})
        raise AgentsError(f"entry map: {side} entries {twice} are named twice, an entry has one partner")
