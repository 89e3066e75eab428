"""Patterns: how plans name parts, layers and globs of them, and which of several names counts.

A unit is named `<part>.<layers ...>`; a pattern names it if it matches the unit or something the unit lies in.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

__all__ = ["COUNTERPARTS", "PARTS", "ancestors", "best_pattern", "specificity"]

PARTS: dict[str, str] = {
    "encoder": "observation statistics and feature layers",
    "value_encoder": "the value head's own encoder, where it is not shared",
    "encoder_target": "slow copy of the encoder that the critics' targets are computed with",
    "policy_head": "features to the mean action",
    "policy_average": "slow copy of the policy head, which takes the mean actions",
    "value_head": "features to the value, and the unit of that value",
    "critic": "features and action to the values of an ensemble",
    "critic_target": "slow copy of the critics",
    "log_std": "log of the exploration noise, an action entry",
    "temperature": "log of the weight of the policy's entropy",
    "adapters": "what a surgery adds beside layers that stay as they are",
}

# A part that a plan does not name follows its counterpart: a plan is written once, for every learner and layout.
COUNTERPARTS = {
    "value_encoder": "encoder",
    "encoder_target": "encoder",
    "policy_average": "policy_head",
    "critic": "value_head",
    "critic_target": "critic",
    "temperature": "log_std",
}


def ancestors(unit: str) -> list[str]:
    """Return `a.b.c`, `a.b`, `a` for `a.b.c`."""
    words = unit.split(".")
    return [".".join(words[:n]) for n in range(len(words), 0, -1)]


def _is_glob(text: str) -> bool:
    return any(sign in text for sign in "*?[")


def specificity(pattern: str) -> tuple[int, bool, str]:
    """Return by what patterns are ranked: how much of the name they spell out, a name before a glob, the alphabet.

    It depends on the pattern alone, never on the order in which patterns are written down or read back.
    """
    return sum(sign not in "*?[]" for sign in pattern), not _is_glob(pattern), pattern


def _names_its_part(pattern: str) -> bool:
    return not _is_glob(pattern.split(".")[0])


def best_pattern(unit: str, patterns: Iterable[str]) -> str | None:
    """Return the most specific of `patterns` that names `unit` or something it lies in, None if none does.

    A pattern is a dotted name with `*` and `?` (fnmatch). A unit whose part no pattern spells out goes by what names
    its part's counterpart, if that is spelt out: `critic.layers.0` by what names `value_head.layers.0`.
    """
    known = list(patterns)
    matching = [p for p in known if any(fnmatchcase(name, p) for name in ancestors(unit))]
    own = max(matching, key=lambda p: (_names_its_part(p), specificity(p)), default=None)
    part, _, rest = unit.partition(".")
    if part not in COUNTERPARTS or (own is not None and _names_its_part(own)):
        return own
    followed = best_pattern(".".join(filter(None, (COUNTERPARTS[part], rest))), known)
    return followed if followed is not None and (own is None or _names_its_part(followed)) else own
