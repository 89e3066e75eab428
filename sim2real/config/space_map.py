"""space_map: which entries of the target's observations and actions are which of the source's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from pydantic import field_validator

from agents import ActingPolicy, AgentsError, Bundle, EntryMap, carry_entries, entry_axes, parts
from envs import DomainVectorEnv, unknown_name

from ..errors import UserError
from .spaces import Spaces, require_same_spaces
from .strict import Strict

__all__ = ["SAME_NAMES", "SpaceMap", "SpaceMatch", "match_spaces"]

SAME_NAMES = "same_names"
_OTHERS = "*"
_HINT = f"""\
say in the configuration of the target which entries correspond, the rest is fresh:
  transfer: {{space_map: {{observation: {SAME_NAMES}, action: {SAME_NAMES}}}}}
or by name, target: source, all others by the same name:
  transfer: {{space_map: {{observation: {{new_name: old_name, "{_OTHERS}": {SAME_NAMES}}}}}}}"""


class SpaceMap(Strict):
    """Which entries correspond, by name: `target_name: source_name`, or `same_names`.

    In a mapping `"*": same_names` stands for all target entries that it does not name and whose name the source has,
    too. Whatever is not mapped is fresh on the target, dropped from the source.

    Attributes:
        observation: of observation entries.
        action: of action entries.
    """

    observation: str | dict[str, str] = SAME_NAMES
    action: str | dict[str, str] = SAME_NAMES

    @field_validator("observation", "action", mode="before")
    @classmethod
    def _names_or_mapping(cls, value: Any) -> Any:
        if value == SAME_NAMES:
            return value
        if not isinstance(value, Mapping):
            raise ValueError(f"must be {SAME_NAMES}, or a mapping of target_name: source_name")
        for target, source in value.items():
            if not isinstance(target, str) or not isinstance(source, str):
                raise ValueError(f"names must be texts, got {target!r}: {source!r}")
            if target == _OTHERS and source != SAME_NAMES:
                raise ValueError(f"{_OTHERS!r} stands for all other entries, it can only be {SAME_NAMES}")
        return dict(value)


@dataclass(frozen=True)
class SpaceMatch:
    """A source's spaces, a target's, and which of their entries correspond.

    Attributes:
        source: the spaces that the source's agent was made for.
        target: those of the worlds it is to act in.
        maps: "observation" and "action" -> map of their entries.
    """

    source: Spaces
    target: Spaces
    maps: Mapping[str, EntryMap]

    @classmethod
    def make(cls, source: Spaces, target: Spaces, space_map: SpaceMap, where: str) -> Self:
        """Find the partners that `space_map` names.

        Raises:
            UserError: for names that are not there, with those that are, or where no two names are the same.
        """
        maps = {}
        for key in ("observation", "action"):
            place = f"{where}: space_map.{key}"
            old, new, wanted = getattr(source, key), getattr(target, key), getattr(space_map, key)
            positions = key == "action" and not source.named_actions
            maps[key] = _by_position(old, new, wanted, place) if positions else _by_name(old, new, wanted, place)
        return cls(source, target, maps)

    def carry(self, tensors: Mapping[str, torch.Tensor], policy: ActingPolicy) -> dict[str, torch.Tensor]:
        """Return the source's tensors in the shapes of the fresh `policy`, made for the target.

        Raises:
            AgentsError: when the policy cannot say what reads which entry, or differs in more than its spaces.
        """
        return carry_entries(tensors, parts.tensors(policy), entry_axes(policy), self.maps)

    def to_json(self) -> dict[str, Any]:
        """Return for both spaces the names that are carried over (target: source), fresh and dropped."""
        changes = {}
        for key, entries in self.maps.items():
            old, new = getattr(self.source, key), getattr(self.target, key)
            changes[key] = {
                "carried": {new[own]: old[theirs] for own, theirs in entries.pairs},
                "fresh": [new[i] for i in entries.fresh],
                "dropped": [old[i] for i in entries.dropped],
            }
        return changes

    def describe(self) -> str:
        """Return one line a space: how many entries are carried over, and which are fresh or dropped."""
        lines = []
        for key, entries in self.to_json().items():
            changes = [f"{word} {', '.join(entries[word])}" for word in ("fresh", "dropped") if entries[word]]
            carried = f"{len(entries['carried'])} of {len(getattr(self.target, key))} entries carried over"
            lines.append("; ".join([f"{key}: {carried}", *changes]))
        if self.maps["observation"].fresh:
            lines.append("fresh observations enter with weight zero; a part that stays frozen never reads them")
        return "\n".join(lines)


def match_spaces(bundle: Bundle, worlds: DomainVectorEnv, space_map: SpaceMap | None, where: str) -> SpaceMatch | None:
    """Return which entries of the agent in `bundle` correspond to those of `worlds`; None if all are the same.

    Raises:
        UserError: without a map, showing both spaces side by side where they differ; with one, for unknown names.
    """
    if space_map is not None:
        return SpaceMatch.make(Spaces.of_bundle(bundle, where), Spaces.of_worlds(worlds), space_map, where)
    try:
        require_same_spaces(bundle, worlds, where)
    except UserError as error:
        raise UserError(f"{error}\n{_HINT}") from None
    return None


def _by_name(old: tuple[str, ...], new: tuple[str, ...], wanted: str | dict[str, str], place: str) -> EntryMap:
    """Return the map that `wanted` names; UserError on a name that is not there or stands for several entries."""
    named = {} if isinstance(wanted, str) else {own: theirs for own, theirs in wanted.items() if own != _OTHERS}
    if isinstance(wanted, str) or _OTHERS in wanted:
        named |= {name: name for name in new if name in old and name not in named and name not in named.values()}
    for side, names, used in (("target", new, named), ("source", old, named.values())):
        for name in used:
            if name not in names:
                raise UserError(f"{place}: {unknown_name(f'entry of the {side}', name, names)}")
            if names.count(name) > 1:
                raise UserError(f"{place}: {name!r} is the name of {names.count(name)} entries of the {side}")
    if wanted == SAME_NAMES and not named:
        raise UserError(f"{place}: source ({', '.join(old)}) and target ({', '.join(new)}) share no name; map them")
    try:
        return EntryMap(len(old), len(new), tuple((new.index(own), old.index(theirs)) for own, theirs in named.items()))
    except AgentsError:
        twice = sorted({theirs for theirs in named.values() if list(named.values()).count(theirs) > 1})
        raise UserError(f"{place}: {', '.join(twice)} has several partners; an entry has one") from None


def _by_position(old: tuple[str, ...], new: tuple[str, ...], wanted: str | dict[str, str], place: str) -> EntryMap:
    """Return the map of actions whose names the checkpoint does not hold: the identity, if they are as many."""
    if wanted != SAME_NAMES or len(old) != len(new):
        raise UserError(
            f"{place}: the checkpoint is from before names of actions were recorded, only their number is known "
            f"({len(old)}, the environment's {len(new)}: {', '.join(new)}); pretrain the source again to map actions"
        )
    return EntryMap.identity(len(new))
