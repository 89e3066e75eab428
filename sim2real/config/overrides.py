"""Overrides: keys of a configuration that are given beside its file, e.g. `--set budget.source_steps=4096`.

They are written into the file's content before anything is checked, so they obey the rules of the file, and a resolved
configuration contains them. What is wrong with one is reported at its own place, not at the file's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import UserError
from ..files.reading import parse_yaml

__all__ = ["Override", "Where", "apply_overrides", "has_key", "parse_override", "place_of", "target_severity"]

Where = str | Callable[[str], str]
"""where a configuration's content was read, or what is wrong, `key: problem` -> where that key was given"""


@dataclass(frozen=True)
class Override:
    """One key and its value.

    Attributes:
        key: dotted, from the top of the file.
        value: plain data as YAML has it; a mapping or list replaces the one in the file as a whole.
        place: how the user wrote it, for messages.
    """

    key: str
    value: Any
    place: str


def parse_override(text: str) -> Override:
    """Return the override that `key=value` stands for; the value is YAML.

    Raises:
        UserError: when there is no key, no `=`, or the value is not valid YAML.
    """
    key, equals, value = text.partition("=")
    key, place = key.strip(), f"--set {text}"
    if not equals or not all(key.split(".")):
        raise UserError(f"{place}: expected key=value with a dotted key, e.g. --set budget.source_steps=4096")
    try:
        return Override(key, parse_yaml(value), place)
    except ValueError as error:
        raise UserError(f"{place}: not valid YAML: {error}") from None


def target_severity(content: Mapping[str, Any], target: str, severity: Any, place: str) -> Override:
    """Return the override that sets the severity of `target`, a key of `targets` or the name of a shift.

    `severity` is a number or the name of a level; the check of the configuration follows.
    """
    targets = content.get("targets")
    if isinstance(targets, Mapping) and target in targets:
        return Override(f"targets.{target}.severity", severity, place)
    return Override(f"targets.{target}", {"shift": target, "severity": severity}, place)


def apply_overrides(content: Mapping[str, Any], overrides: Iterable[Override]) -> dict[str, Any]:
    """Return `content` with every override written into it, in order; mappings on the way are made where missing.

    Raises:
        UserError: when something on the way to the key is no mapping.
    """
    found = dict(content)
    for override in overrides:
        found = _written(found, override.key, "", override)
    return found


def _written(content: Mapping[str, Any], key: str, above: str, override: Override) -> dict[str, Any]:
    """Return `content`, which lies at the dotted key `above`, with the override's value at `key` in it."""
    words = key.split(".")
    heads = [".".join(words[:n]) for n in range(len(words), 0, -1)]
    head = next((head for head in heads if head in content), words[0])  # names of targets may have dots
    rest, path = key[len(head) + 1 :], f"{above}{head}"
    if not rest:
        return {**content, head: override.value}
    below = content.get(head)
    if below is not None and not isinstance(below, Mapping):
        kind = "a list" if isinstance(below, list) else "one value"
        raise UserError(f"{override.place}: {path} is {kind}, {below!r:.100}; set it as a whole")
    return {**content, head: _written(below or {}, rest, f"{path}.", override)}


def place_of(where: str, content: Mapping[str, Any], overrides: Sequence[Override]) -> Where:
    """Return what names the place of a problem: the override that gives its key, else `where` with all overrides.

    `content` is what was read in `where`: a mapping that it lacks was made by an override that lies in it.
    """
    if not overrides:
        return where

    def place(problem: str) -> str:
        """Return the place of the key that a problem begins with; the last override of several counts."""
        key, spelt = problem.partition(":")[0], problem.replace(": ", ".")
        for override in reversed(overrides):
            inside = spelt.startswith(f"{override.key}.")
            if inside or (override.key.startswith(f"{key}.") and not has_key(content, key)):
                return override.place
        return f"{where} with {' '.join(dict.fromkeys(override.place for override in overrides))}"

    return place


def has_key(content: Any, key: str) -> bool:
    """Return whether nested mappings have a dotted key."""
    found = content
    for word in key.split("."):
        if not isinstance(found, Mapping) or word not in found:
            return False
        found = found[word]
    return True
