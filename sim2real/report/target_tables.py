"""The tables of one environment: what every method reached on its targets, and every quantity target by target."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from ..stats import ORACLE, QUANTITIES, REFERENCE, Cell, Group, Interval, Oracle, Summary, reported_in
from .style.numbers import MISSING, between, compute_decimals, count, number, percent
from .style.wording import TONES, name_target
from .view import SIGNS, Table, Value, make_runs, make_time

__all__ = ["make_effects", "make_quantities"]


def make_effects(summary: Summary, env: str) -> Table:
    """Methods down, the best on top, targets across: mean return over the budget, interval and verdict."""
    groups = summary.groups_of(env)
    decimals = {}
    for group in groups:
        areas = [cell.quantities.get("area_under_curve") for cell in group.cells.values()]
        decimals[group.frame.target] = compute_decimals(area.point for area in areas if area)
    rows = []
    for method in summary.ranked(env):
        values = (_effect(group.cells.get(method), decimals[group.frame.target]) for group in groups)
        rows.append((method, tuple(values)))
    line = (
        "In units of return, with 95 % interval; below it the verdict against "
        f"{REFERENCE} and, unless it is settled, P({REFERENCE} better)."
    )
    return Table("Mean return over the budget", tuple(group.frame.target for group in groups), tuple(rows), line)


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
    if tone in ("open", "negative") and cell.verdict is not None:
        note += f", P = {number(cell.verdict.scratch_better, 2)}"
    return Value(number(found.point, decimals), between(found, decimals), note, tone)


def make_quantities(summary: Summary, env: str) -> tuple[Table, ...]:
    """A table per target: methods down, the best on top, quantities across, every number with its interval."""
    return tuple(_quantities(group, summary.ranked(env)) for group in summary.groups_of(env))


def _quantities(group: Group, ranked: Iterable[str]) -> Table:
    # in place of the two about the oracle there is room for others; files have them all
    left_out = "with oracle" if group.oracle is None else "without oracle"
    columns = [name for name in reported_in("target") if QUANTITIES[name].shown != left_out]
    writers = {name: _writer(name, group.cells.values()) for name in columns}
    rows = []
    for method in (method for method in ranked if method in group.cells):
        cell = group.cells[method]
        values = [make_runs(cell)]
        for name in columns:
            found, times = cell.quantities.get(name), cell.steps_to.get(name)
            if times is not None:
                values.append(make_time(times, QUANTITIES[name].statistic))
            elif QUANTITIES[name].of_some:
                values.append(_dip(cell))
            else:
                values.append(writers[name](found) if found else Value(MISSING))
        rows.append((cell.method, tuple(values)))
    if group.oracle is not None:
        rows.append((ORACLE, _oracle(group, group.oracle, columns, writers["asymptotic_return"])))
    titles = ("Seeds", *(QUANTITIES[name].title for name in columns))
    return Table(name_target(group), titles, tuple(rows), _line(group))


def _line(group: Group) -> str:
    """What the oracle is, or why nothing is measured against it."""
    if group.no_oracle:
        return f"Nothing is measured against an oracle: {group.no_oracle}."
    level = number(group.frame.oracle_level, compute_decimals([group.frame.oracle_level]))
    spent = count(group.frame.oracle_steps)
    return (
        f"{ORACLE} is {REFERENCE} with the source\u2019s budget, {spent} steps on the target: "
        f"no competitor but a mark, 95 % of the way to whose mean is a return of {level}."
    )


def _oracle(
    group: Group, oracle: Oracle, columns: Iterable[str], write: Callable[[Interval], Value]
) -> tuple[Value, ...]:
    """The oracle's own row: what it reached at the end of its own budget, and how long it took to its own level."""
    found = {name: Value(MISSING) for name in columns}
    if oracle.asymptotic_return is not None:
        end = write(oracle.asymptotic_return)
        found["asymptotic_return"] = Value(end.text, end.interval, f"mean, after {count(oracle.steps)} steps")
    if not group.no_oracle:
        times = oracle.level_steps(group.frame.oracle_level)
        slowest = int(np.isinf(times).sum())
        note = f"> its budget ({slowest} of {times.size})" if slowest else "in its own budget"
        found["steps_to_oracle"] = Value(count(np.minimum(times, oracle.steps).mean()), "", note)
    return (make_runs(oracle), *found.values())


def _writer(name: str, cells: Iterable[Cell]) -> Callable[[Interval], Value]:
    """How a column is written: with the same decimals in all its rows, so that digits stand in line."""
    quantity = QUANTITIES[name]
    if quantity.kind == "share":
        return lambda i: Value(
            percent(i.point, signed=quantity.signed), between(i, 0, signed=quantity.signed, share=True)
        )
    if quantity.kind == "probability":
        return _probability if name == "probability_of_improvement" else lambda i: Value(number(i.point, 2))
    points = [cell.quantities[name].point for cell in cells if name in cell.quantities]
    decimals = compute_decimals(points)
    return lambda i: Value(
        number(i.point, decimals, signed=quantity.signed), between(i, decimals, signed=quantity.signed)
    )


def _dip(cell: Cell) -> Value:
    """Dip of the runs that started ahead, how many did, and the deepest, which a mean would hide."""
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
