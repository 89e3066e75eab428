"""summary.csv: one row per environment, target, method and quantity, numbers in full precision.

Rows of the method table have an asterisk for target, or for environment and target, and shares for numbers.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator

from ..files.printable import printable
from ..stats import ORACLE, QUANTITIES, Cell, Group, Interval, MethodTable, Oracle, Summary

__all__ = ["COLUMNS", "make_csv"]

COLUMNS = (
    "env",
    "target",
    "method",
    "quantity",
    "point",
    "low",
    "high",
    "num_runs",
    "num_censored",
    "num_failed",
    "num_missing",
    "num_short",
    "num_long",
    "verdict",
    "budget",
    "floor",
    "source_return",
    "threshold",
    "oracle_return",
    "oracle_steps",
)


_FORMULAS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # and their full-width twins


def _plain(value: float) -> str:
    """Shortest text that reads back as the same number; NaN is empty, inf (beyond the budget) is inf."""
    return "" if math.isnan(value) else repr(float(value))


def _words(text: str) -> str:
    """A name as a cell of words: one that a spreadsheet would compute (`=HYPERLINK(...)`) begins with an apostrophe.

    So do + - @ and what follows tabs, line ends or spaces; numbers are written by `_plain` and stay numbers.
    """
    shown = printable(text)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULAS) or text[:1] in ("\t", "\r", "\n") else shown


def _rows(group: Group, cell: Cell) -> Iterator[list[object]]:
    frame = group.frame
    entries: list[tuple[str, Interval | None, int | str]] = [
        (name, found, "") for name, found in cell.quantities.items()
    ]
    for name, times in cell.steps_to.items():
        entries.append((name, times.restricted(QUANTITIES[name].statistic), times.num_censored))
        entries.append((f"{name}_median", times.median, times.num_censored))
    # a method without a finished run keeps a row: absent numbers are news
    for name, found, censored in entries or [("", None, "")]:
        numbers = ["", "", ""] if found is None else [_plain(v) for v in (found.point, found.low, found.high)]
        yield [
            _words(frame.env),
            _words(frame.target),
            _words(cell.method),
            name,
            *numbers,
            found.num_runs if found else 0,
            censored,
            cell.num_failed,
            cell.num_missing,
            cell.num_short,
            cell.num_long,
            cell.verdict.word.value if cell.verdict else "",
            frame.budget,
            _plain(frame.floor),
            _plain(frame.source_return),
            _plain(frame.threshold),
            _plain(frame.oracle_return),
            frame.oracle_steps,
        ]


def _oracle_row(group: Group, oracle: Oracle) -> list[object]:
    """The oracle's one number; `budget` is its own."""
    frame, end = group.frame, oracle.asymptotic_return
    found: dict[str, object] = {"env": _words(frame.env), "target": _words(frame.target)}
    found |= {"method": ORACLE, "budget": oracle.steps}
    found |= {name: getattr(oracle, name) for name in ("num_runs", "num_failed", "num_missing", "num_short")}
    if end is not None:
        found |= {"quantity": "asymptotic_return", **_numbers(end), "num_runs": end.num_runs}
    return [found.get(name, "") for name in COLUMNS]


def _table_rows(table: MethodTable) -> Iterator[list[object]]:
    for row in table.rows:
        for name, found in row.quantities.items():
            entry: dict[str, object] = {"env": _words(table.env) or "*", "target": "*", "method": _words(row.method)}
            entry |= {"quantity": name}
            entry |= {**_numbers(found), "num_runs": found.num_runs}
            if QUANTITIES[name].kind == "steps":
                entry["num_censored"] = row.num_censored
            yield [entry.get(column, "") for column in COLUMNS]


def _numbers(found: Interval) -> dict[str, object]:
    return {name: _plain(getattr(found, name)) for name in ("point", "low", "high")}


def make_csv(summary: Summary) -> str:
    """The summary as comma-separated text with a header line."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for group in summary.groups:
        for cell in group.cells.values():
            writer.writerows(_rows(group, cell))
        if group.oracle is not None:
            writer.writerow(_oracle_row(group, group.oracle))
    for table in filter(None, (summary.table, *summary.env_tables.values())):
        writer.writerows(_table_rows(table))
    return stream.getvalue()
