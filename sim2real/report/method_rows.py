"""The method table as texts: one row per method over several targets, the oracle in a row of its own."""

from __future__ import annotations

from ..files.printable import plural
from ..stats import ORACLE, QUANTITIES, MethodRow, MethodTable, Paired, Summary, reported_in
from .style.numbers import MISSING, between, number, percent
from .view import Table, Value

__all__ = ["make_env_table", "make_method_table", "make_paired_table"]

_TITLES = {name: QUANTITIES[name].short or QUANTITIES[name].title for name in reported_in("methods")}


def make_method_table(summary: Summary) -> Table | None:
    """All methods over all targets; None where fewer than two targets have a span."""
    return _table(summary.table, summary, "All targets") if summary.table else None


def make_env_table(summary: Summary, env: str) -> Table | None:
    """All methods over the targets of one environment; None likewise."""
    found = summary.env_tables.get(env)
    return _table(found, summary, f"All targets of {env}") if found else None


def make_paired_table(table: MethodTable | None) -> Table | None:
    """Differences between methods by source agent; None where nothing can be paired."""
    if table is None or not table.paired:
        return None
    pairs = {(pair.method, pair.reference): pair for pair in table.paired}
    references = tuple(dict.fromkeys(pair.reference for pair in table.paired))
    methods = [row.method for row in table.rows if any((row.method, r) in pairs for r in references)]
    rows = tuple((method, tuple(_difference(pairs.get((method, r))) for r in references)) for method in methods)
    line = (
        "Score minus that of another method from the same source agent, in points of the span: mean over agents, with "
        "95 % interval. p is of the sign-flip test over agents, adjusted by Holm for all differences of this table. "
        "Where it is 0.05 or more the difference is undecided; beside it stands how many agents would decide one of "
        "this size with probability 0.8."
    )
    return Table("Paired by source agent", tuple(f"minus {r}" for r in references), rows, line)


def _difference(pair: Paired | None) -> Value:
    if pair is None:
        return Value(MISSING)
    text, ends = (
        number(100 * pair.difference.point, 1, signed=True),
        between(pair.difference, 1, signed=True, share=True),
    )
    if pair.decided:
        tone = "negative" if pair.difference.point < 0 else ""
        return Value(text, ends, f"p {max(pair.p, 0.001):.1g}" if pair.p >= 0.001 else "p < 0.001", tone)
    agents = "" if pair.agents_needed is None else f": {plural(pair.agents_needed, 'agent')}"
    return Value(text, ends, f"undecided{agents}")


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
