"""The method table as texts: one row per method over several targets, the oracle in a row of its own."""

from __future__ import annotations

from ..stats import ORACLE, QUANTITIES, MethodRow, MethodTable, Summary, reported_in
from .style.numbers import MISSING, between, number, percent
from .view import Table, Value

__all__ = ["make_env_table", "make_method_table"]

_TITLES = {name: QUANTITIES[name].short or QUANTITIES[name].title for name in reported_in("methods")}


def make_method_table(summary: Summary) -> Table | None:
    """All methods over all targets; None where fewer than two targets have a span."""
    return _table(summary.table, summary, "All targets") if summary.table else None


def make_env_table(summary: Summary, env: str) -> Table | None:
    """All methods over the targets of one environment; None likewise."""
    found = summary.env_tables.get(env)
    return _table(found, summary, f"All targets of {env}") if found else None


def _table(table: MethodTable, summary: Summary, caption: str) -> Table:
    groups = summary.groups_of(table.env) if table.env else summary.groups
    without = [group.no_oracle for group in groups if group.no_oracle]
    columns = [name for name in _TITLES if not without or QUANTITIES[name].shown != "with oracle"]
    rows = [(row.method, (*(_value(row, name) for name in columns), _hurt(row))) for row in table.rows]
    if table.oracle is not None:
        times = sorted({group.frame.oracle_steps / group.frame.budget for group in groups if group.frame.budget})
        end = Value(
            percent(table.oracle.point), between(table.oracle, share=True), f"with {_range(times)} \u00d7 the steps"
        )
        marks = {"asymptotic_return": end, "share_of_oracle": Value(percent(1.0), "", "by definition")}
        rows.append((ORACLE, (*(marks.get(name, Value(MISSING)) for name in columns), Value(MISSING))))
    line = (
        f"Interquartile means over the runs on {table.num_targets} targets, with 95 % interval. Score is the mean "
        "return over the budget; score, jumpstart and asymptotic return are shares of the span, steps of the budget. "
        "Hurt: targets with the verdict of negative transfer, and the largest P(scratch better) on any."
    )
    if without:
        line += f" Nothing is measured against an oracle: {without[0]}."
    has_row = {row.method for row in table.rows}
    present = {method for group in groups for method in group.cells}
    ran = [method for method in summary.methods if method in present - has_row]
    if ran:
        line += f" Without a row, as a target of theirs has no run yet: {', '.join(ran)}."
    return Table(caption, (*(_TITLES[name] for name in columns), "Targets hurt"), tuple(rows), line)


def _range(times: list[float]) -> str:
    ends = [f"{value:.3g}" for value in (times[:1] + times[1:][-1:])]
    return " to ".join(ends)


def _value(row: MethodRow, name: str) -> Value:
    found = row.quantities.get(name)
    if found is None:
        return Value(MISSING)
    column, note = QUANTITIES[name], ""
    if column.of_some:
        note = f"{row.num_ahead} of {row.num_runs} ahead"
    elif column.kind == "steps" and row.num_censored:
        note = f"> budget ({row.num_censored} of {row.num_runs})"
        if row.num_censored == row.num_runs:
            return Value("> budget", "", f"({row.num_censored} of {row.num_runs})")
    interval = between(found, signed=column.signed, share=True)
    if column.of_some and not found.known and found.point == 0.0:
        interval = "none dipped"
    return Value(percent(found.point, signed=column.signed), interval, note)


def _hurt(row: MethodRow) -> Value:
    """On how many targets the verdict is that transfer hurt, and the largest P(scratch better)."""
    if not row.num_judged:
        return Value(MISSING)
    text = f"{row.num_negative} of {row.num_judged}"
    return Value(text, f"P up to {number(row.worst, 2)}", "", "negative" if row.num_negative else "")
