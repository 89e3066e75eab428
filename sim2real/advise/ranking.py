"""Ranking: what the rules that hold add up to, for every method and for every part."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from agents import best_pattern, parts

from .rules import RULES, Rule
from .signals import Reading

__all__ = ["PartAdvice", "Ranked", "advise_parts", "rank"]


class Ranked(NamedTuple):
    """A method, its score, and why: the rules that count for it and against it, by name."""

    method: str
    score: float
    pros: tuple[str, ...]
    cons: tuple[str, ...]


class PartAdvice(NamedTuple):
    """A part, or a unit where its units differ; freeze or train; and the rules that want it to move, by name."""

    part: str
    action: str
    rules: tuple[str, ...]


def _points(rule: Rule, traits: Collection[str]) -> float:
    return sum(points for trait, points in rule.points.items() if trait in traits)


def rank(traits: Mapping[str, Collection[str]], readings: Mapping[str, Reading]) -> list[Ranked]:
    """Return the methods, best first; equal scores in the order given.

    Args:
        traits: method -> which of TRAITS it has.
        readings: what the signals show.
    """
    held = [rule for rule in RULES if rule.holds(readings)]

    def ranked(method: str, own: Collection[str]) -> Ranked:
        points = {rule.name: _points(rule, own) for rule in held}
        pros, cons = ([name for name, n in points.items() if n * sign > 0] for sign in (1, -1))
        return Ranked(method, sum(points.values()), tuple(pros), tuple(cons))

    return sorted((ranked(method, own) for method, own in traits.items()), key=lambda row: -row.score)


def advise_parts(policy: parts.Parted, readings: Mapping[str, Reading]) -> list[PartAdvice]:
    """Return what to do with every part of a policy; its units apart where the advice on them differs."""
    held = [rule for rule in RULES if rule.holds(readings) and rule.trains]

    def advice(unit: str) -> PartAdvice:
        moving = tuple(rule.name for rule in held if best_pattern(unit, rule.trains) is not None)
        return PartAdvice(unit, "train" if moving else "freeze", moving)

    rows: list[PartAdvice] = []
    for part in parts.part_names(policy):
        units = [advice(unit) for unit in parts.unit_names(policy, (part,))]
        alike = all(unit[1:] == units[0][1:] for unit in units)
        rows += [units[0]._replace(part=part)] if alike else units
    return rows
