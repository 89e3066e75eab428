"""The tables of the report as plain texts: page and markdown only place them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..stats import QUANTITIES, REFERENCE, Cell, CensoredInterval, Group, Interval, Summary
from .numbers import MISSING, between, compute_decimals, count, duration, number, percent
from .wording import TONES, name_target

__all__ = [
    "Table",
    "Value",
    "make_budgets",
    "make_effects",
    "make_quantities",
    "make_settings",
]

SIGNS = {"positive": "\N{BLACK UP-POINTING TRIANGLE}", "negative": "\N{BLACK DOWN-POINTING TRIANGLE}"}


@dataclass(frozen=True)
class Value:
    """One cell of a table: the number, the interval below it, a note, and the tone it is written in."""

    text: str
    interval: str = ""
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """A caption, the head of each column, and rows of (method or target, values)."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Value, ...]], ...]


def make_time(times: CensoredInterval) -> Value:
    """Restricted mean, or `> budget (k of n)` when no run arrived; censored runs are named in either case."""
    censored = f"({times.num_censored} of {times.num_runs})"
    if times.num_censored == times.num_runs:
        return Value(f"> {count(times.budget)}", "", censored)
    note = f"> budget {censored}" if times.num_censored else ""
    return Value(count(times.restricted_mean.point), between(times.restricted_mean), note)


def _runs(cell: Cell) -> Value:
    planned = cell.num_runs + cell.num_failed + cell.num_missing + cell.num_short
    return Value(str(cell.num_runs) if planned == cell.num_runs else f"{cell.num_runs} of {planned}")


def make_effects(summary: Summary) -> Table:
    """Targets down, methods across: mean return over the budget with interval, toned by the verdict."""
    rows = []
    for group in summary.groups:
        areas = [cell.quantities.get("area_under_curve") for cell in group.cells.values()]
        decimals = compute_decimals(area.point for area in areas if area)
        values = [_effect(group.cells.get(method), decimals) for method in summary.methods]
        rows.append((name_target(group), tuple(values)))
    if summary.overall:
        values = [
            Value(percent(found.point), between(found, share=True))
            if (found := summary.overall.get(m))
            else Value(MISSING)
            for m in summary.methods
        ]
        rows.append(("all targets, share of the span (IQM)", tuple(values)))
    return Table("Mean return over the budget", summary.methods, tuple(rows))


def _effect(cell: Cell | None, decimals: int) -> Value:
    if cell is None:
        return Value(MISSING)
    found, tone = (
        cell.quantities.get("area_under_curve"),
        TONES[cell.verdict.word] if cell.verdict else "reference",
    )
    if found is None:
        return Value(MISSING, "no finished run")
    note = f"{SIGNS[tone]} {tone}" if tone in SIGNS else {"open": "undecided", "few": "too few seeds"}.get(tone, tone)
    return Value(number(found.point, decimals), between(found, decimals), note, tone)


_COLUMNS = (
    "initial_return",
    "jumpstart",
    "asymptotic_return",
    "time_to_threshold",
    "transfer_ratio",
    "probability_of_improvement",
    "retention",
    "dip_depth",
)


def make_quantities(summary: Summary) -> tuple[Table, ...]:
    """A table per target: methods down, quantities across, every number with its interval."""
    return tuple(_quantities(group) for group in summary.groups)


def _quantities(group: Group) -> Table:
    writers = {name: _writer(name, group.cells.values()) for name in _COLUMNS}
    rows = []
    for cell in group.cells.values():
        values = [_runs(cell)]
        for name in _COLUMNS:
            if name == "time_to_threshold":
                values.append(make_time(cell.times) if cell.times else Value(MISSING))
            elif name == "dip_depth":
                values.append(_dip(cell))
            else:
                found = cell.quantities.get(name)
                values.append(writers[name](found) if found else Value(MISSING))
        rows.append((cell.method, tuple(values)))
    titles = ("Seeds", *(QUANTITIES[name].title for name in _COLUMNS))
    return Table(name_target(group), titles, tuple(rows))


def _writer(name: str, cells: Iterable[Cell]) -> Callable[[Interval], Value]:
    """How a column is written: with the same decimals in all its rows, so that digits stand in line."""
    quantity = QUANTITIES[name]
    if quantity.kind == "share":
        return lambda i: Value(
            percent(i.point, signed=quantity.signed), between(i, 0, signed=quantity.signed, share=True)
        )
    if quantity.kind == "probability":
        return _probability
    points = [cell.quantities[name].point for cell in cells if name in cell.quantities]
    decimals = compute_decimals(points)
    return lambda i: Value(
        number(i.point, decimals, signed=quantity.signed), between(i, decimals, signed=quantity.signed)
    )


def _dip(cell: Cell) -> Value:
    """Mean dip of the runs that started ahead, how many did, and the deepest, which a mean of few would hide."""
    found = cell.quantities.get("dip_depth")
    if cell.method == REFERENCE or "dip_depth" not in cell.per_run:
        return Value(MISSING)
    if found is None:
        return Value(MISSING, "", f"0 of {cell.num_runs} ahead")
    note = f"{found.num_runs} of {cell.num_runs} ahead"
    deepest = float(np.nanmax(cell.per_run["dip_depth"]))
    if deepest == 0.0:
        return Value(percent(0.0), "none dipped", note)
    if found.num_runs > 1:
        note += f", worst {percent(deepest)}"
    return Value(percent(found.point), between(found, share=True), note)


def _probability(found: Interval) -> Value:
    """In words too where all pairs agree: a share of 1 is not a chance of 1, as the interval shows."""
    note = {1.0: "every pair", 0.0: "no pair"}.get(found.point, "")
    return Value(number(found.point, 2), between(found, 2), note)


def make_budgets(summary: Summary) -> Table:
    """What it cost: steps on the target, for evaluation and on the source apart, episodes, falls, time."""
    rows, sums = [], [0, 0, 0, 0]
    seconds = 0.0
    for group in summary.groups:
        for cell in group.cells.values():
            c = cell.costs
            counted = (c.target_steps, c.eval_steps, c.episodes, c.falls)
            sums = [total + value for total, value in zip(sums, counted, strict=True)]
            seconds += c.wall_seconds
            texts = (*map(count, counted), count(c.source_steps), duration(c.wall_seconds))
            rows.append((f"{name_target(group)}, {cell.method}", (_runs(cell), *map(Value, texts))))
    totals = (*map(count, sums), count(summary.source_steps), duration(seconds))
    jobs = Value(f"{summary.num_finished} of {summary.num_jobs}")
    rows.append(("all, a shared source agent once", (jobs, *map(Value, totals))))
    columns = ("Runs", "Target steps", "Evaluation steps", "Episodes", "Falls", "Source steps", "Wall time")
    return Table("Budgets", columns, tuple(rows))


def make_settings(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as (dotted key, text) pairs."""
    pairs: list[tuple[str, str]] = []
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            pairs.extend(make_settings(value, f"{name}."))
        elif isinstance(value, Sequence) and not isinstance(value, str):
            if any(isinstance(item, Mapping) for item in value):
                pairs.extend(make_settings({str(i): item for i, item in enumerate(value)}, f"{name}."))
            else:
                pairs.append((name, ", ".join(map(str, value)) or MISSING))
        else:
            pairs.append((name, MISSING if value is None or value == {} else str(value)))
    return pairs
