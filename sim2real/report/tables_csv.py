"""summary.csv: one row per environment, target, method and quantity, numbers in full precision."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator

from ..stats import Cell, Group, Interval, Summary

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
    "verdict",
    "budget",
    "floor",
    "source_return",
    "threshold",
)


def _plain(value: float) -> str:
    """Shortest text that reads back as the same number; NaN is empty, inf (beyond the budget) is inf."""
    return "" if math.isnan(value) else repr(float(value))


def _rows(group: Group, cell: Cell) -> Iterator[list[object]]:
    frame = group.frame
    entries: list[tuple[str, Interval | None, int | str]] = [
        (name, found, "") for name, found in cell.quantities.items()
    ]
    if cell.times is not None:
        entries.append(("time_to_threshold", cell.times.restricted_mean, cell.times.num_censored))
        entries.append(("time_to_threshold_median", cell.times.median, cell.times.num_censored))
    # a method without a finished run keeps a row: absent numbers are news
    for name, found, censored in entries or [("", None, "")]:
        numbers = ["", "", ""] if found is None else [_plain(v) for v in (found.point, found.low, found.high)]
        yield [
            frame.env,
            frame.target,
            cell.method,
            name,
            *numbers,
            found.num_runs if found else 0,
            censored,
            cell.num_failed,
            cell.num_missing,
            cell.num_short,
            cell.verdict.word.value if cell.verdict else "",
            frame.budget,
            _plain(frame.floor),
            _plain(frame.source_return),
            _plain(frame.threshold),
        ]


def make_csv(summary: Summary) -> str:
    """The summary as comma-separated text with a header line."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for group in summary.groups:
        for cell in group.cells.values():
            writer.writerows(_rows(group, cell))
    return stream.getvalue()
