"""Spaces: the names of what an agent reads and drives, as checkpoints record them, and two of them side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, Self

from agents import Bundle
from envs import DomainVectorEnv

from ..errors import UserError

__all__ = ["Spaces", "require_same_spaces", "side_by_side"]

_SHOWN = 2  # equal lines that are shown on either side of differing ones; what lies further away is left out


@dataclass(frozen=True)
class Spaces:
    """The names of all entries of observations and actions.

    Attributes:
        observation: (obs_dim,) names.
        action: (act_dim,) names; `action.<i>` where a checkpoint is from before their names were recorded.
        named_actions: whether these are names.
    """

    observation: tuple[str, ...]
    action: tuple[str, ...]
    named_actions: bool = True

    @classmethod
    def of_worlds(cls, worlds: DomainVectorEnv) -> Self:
        """Return the spaces of `worlds`."""
        return cls(worlds.groups["policy"].names, tuple(worlds.physics.action_names))

    @classmethod
    def of_bundle(cls, bundle: Bundle, where: str) -> Self:
        """Return the spaces that a checkpoint's agent was made for.

        Older checkpoints hold the shape of the action, [act_dim], in the place of names.

        Raises:
            UserError: when the checkpoint does not say.
        """
        held = bundle.meta.get("spaces")
        found: list[Any] = [held.get(key) if isinstance(held, dict) else None for key in ("observation", "action")]
        observation, action = (list(value) if isinstance(value, list) else list[Any]([None]) for value in found)
        count = action[0] if len(action) == 1 and isinstance(action[0], int) and 0 < action[0] < 10**6 else 0
        if not all(isinstance(name, str) for name in (observation if count else observation + action)):
            raise UserError(f"{where}: the checkpoint does not say which spaces it was made for")
        if count:
            return cls(tuple(observation), tuple(f"action.{i}" for i in range(count)), named_actions=False)
        return cls(tuple(observation), tuple(action))

    def to_json(self) -> dict[str, Any]:
        """Return what a checkpoint records."""
        return {"observation": list(self.observation), "action": list(self.action)}

    def same_as(self, other: Spaces) -> bool:
        """Return whether an agent made for one can act in the other as it is; actions without names need be as many."""
        named = self.named_actions and other.named_actions
        actions = self.action == other.action if named else len(self.action) == len(other.action)
        return self.observation == other.observation and actions


def require_same_spaces(bundle: Bundle, worlds: DomainVectorEnv, where: str) -> None:
    """Check that the agent in `bundle` fits `worlds`.

    Raises:
        UserError: showing both spaces side by side.
    """
    held, asked = Spaces.of_bundle(bundle, where), Spaces.of_worlds(worlds)
    if not held.same_as(asked):
        raise UserError(f"{where}: the checkpoint's spaces do not fit this environment\n{side_by_side(held, asked)}")


def side_by_side(held: Spaces, asked: Spaces) -> str:
    """Return both spaces in two columns of aligned names, lines that differ marked, long equal stretches left out."""
    lines: list[str] = []
    named = held.named_actions and asked.named_actions
    for key in ("observation", "action"):
        left, right = getattr(held, key), getattr(asked, key)
        rows = list(_aligned(left, right)) if key == "observation" or named else list(zip_longest(left, right))
        heads = f"checkpoint ({len(left)})", f"environment ({len(right)})"
        width = max(len(heads[0]), *(len(name) for name in left), 0)
        lines.append(f"  {key:<12}{heads[0]:<{width}}   {heads[1]}")
        lines += [f"{' ' * 14}{text}" for text in _lines(rows, width, by_name=key == "observation" or named)]
    return "\n".join(lines)


def _aligned(left: Sequence[str], right: Sequence[str]) -> Iterator[tuple[str | None, str | None]]:
    """Yield pairs of names so that equal ones stand in one line; None where one side has no partner."""
    for kind, i, j, k, m in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from zip(left[i:j], right[k:m], strict=True)
        else:
            yield from zip_longest(left[i:j], right[k:m])


def _lines(rows: Sequence[tuple[str | None, str | None]], width: int, *, by_name: bool) -> Iterator[str]:
    """Yield the lines of a table of two columns; `by_name`: lines of two names differ where the names do."""
    differs = [(a != b) if by_name else (a is None or b is None) for a, b in rows]
    near = [any(differs[max(i - _SHOWN, 0) : i + _SHOWN + 1]) for i in range(len(rows))]
    skipped = 0
    for (left, right), shown, marked in zip(rows, near, differs, strict=True):
        if not shown:
            skipped += 1
            continue
        if skipped:
            yield f"... {skipped} equal"
        skipped = 0
        yield f"{left or '-':<{width}}   {right or '-'}{'   <' if marked else ''}"
    if skipped:
        yield f"... {skipped} equal"
