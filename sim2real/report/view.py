"""The tables of the report as plain texts: page and markdown only place them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..stats import ORACLE, Cell, CensoredInterval, Costs, Group, Oracle, Summary, add_costs
from .style.numbers import MISSING, between, count, duration
from .style.wording import name_target

__all__ = [
    "SIGNS",
    "Table",
    "Value",
    "jobs_of",
    "make_budgets",
    "make_runs",
    "make_settings",
    "make_time",
]

SIGNS: dict[str, str] = {"positive": "\N{BLACK UP-POINTING TRIANGLE}", "negative": "\N{BLACK DOWN-POINTING TRIANGLE}"}


@dataclass(frozen=True)
class Value:
    """One cell of a table: the number, the interval below it, a note, and the tone it is written in."""

    text: str
    interval: str = ""
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """A caption, a line that says how to read it, the head of each column, and rows of (method or target, values)."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Value, ...]], ...]
    line: str = ""


def make_time(times: CensoredInterval, statistic: str = "mean") -> Value:
    """Restricted mean, of the middle half for `IQM`, or `> budget (k of n)` when no run arrived.

    Censored runs are named in either case.
    """
    found = times.restricted(statistic)
    censored = f"({times.num_censored} of {times.num_runs})"
    if times.num_censored == times.num_runs:
        return Value(f"> {count(times.budget)}", "", censored)
    note = f"> budget {censored}" if times.num_censored else ""
    return Value(count(found.point), between(found), note)


def make_runs(cell: Cell | Oracle) -> Value:
    """Runs that count, and of how many jobs if not all do."""
    planned = cell.num_runs + cell.num_failed + cell.num_missing + cell.num_short
    planned += cell.num_long if isinstance(cell, Cell) else 0
    return Value(str(cell.num_runs) if planned == cell.num_runs else f"{cell.num_runs} of {planned}")


def jobs_of(group: Group) -> list[tuple[str, Cell | Oracle]]:
    """Everything that ran on a target, by method, the oracle last."""
    return [*group.cells.items(), *([(ORACLE, group.oracle)] if group.oracle else [])]


def make_budgets(summary: Summary) -> Table:
    """What it cost: steps on the target, for evaluation and on the source apart, episodes, falls, faults, time."""
    jobs = [(group, name, cell) for group in summary.groups for name, cell in jobs_of(group)]
    rows = [(f"{name_target(group)}, {name}", (make_runs(cell), *_costs(cell.costs))) for group, name, cell in jobs]
    total = replace(add_costs(cell.costs for _, _, cell in jobs), source_steps=summary.source_steps)
    runs = Value(f"{summary.num_finished} of {summary.num_jobs}")
    rows.append(("all, a shared source agent once", (runs, *_costs(total))))
    spent = ("Target steps", "Evaluation steps", "Episodes", "Falls", "Diverged in evaluation")
    return Table("Budgets", ("Runs", *spent, "Source steps", "Wall time"), tuple(rows))


def _costs(costs: Costs) -> tuple[Value, ...]:
    counted = map(count, (costs.target_steps, costs.eval_steps, costs.episodes, costs.falls))
    faults = MISSING if costs.eval_faults is None else count(costs.eval_faults)
    return tuple(map(Value, (*counted, faults, count(costs.source_steps), duration(costs.wall_seconds))))


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
