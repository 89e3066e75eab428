"""The table of `sim2real check`."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from envs.check import Quantity, Verdict

from ..calibrate.checking import CheckedShift
from ..stats import Interval

__all__ = ["check_table"]

_STYLES = {Verdict.OK: "green", Verdict.NOT_APPLICABLE: "dim"}


def check_table(env: str, rows: list[CheckedShift]) -> Table:
    """Return what was found of every shift of an environment; without a policy there is no column of returns."""
    table = Table(title=Text(env), title_justify="left", title_style="bold", box=SIMPLE, pad_edge=False)
    with_returns = any(row.returns for row in rows)
    table.add_column("shift", no_wrap=True)
    table.add_column("severity", justify="right")
    table.add_column("intended -> measured")
    table.add_column("worst divergence")
    if with_returns:
        table.add_column("return [95 %]", justify="right")
    table.add_column("solvable")
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        cells = _cells(row)
        if not with_returns:
            del cells[4]
        style = _STYLES.get(row.check.verdict, "bold red")
        table.add_row(*map(Text, cells), Text(row.check.verdict.value, style=style))
    return table


def _cells(row: CheckedShift) -> list[str]:
    check = row.check
    return [
        check.shift,
        "-" if check.severity is None else f"{check.severity:g}",
        _quantity(check.worst),
        "-" if check.divergence is None else _divergence(*check.divergence.worst, one_step=check.divergence.one_step),
        "-" if row.returns is None else f"{_interval(row.returns.nominal)} -> {_interval(row.returns.shifted)}",
        "-" if check.solvability is None else check.solvability.word,
    ]


def _quantity(quantity: Quantity | None) -> str:
    """Return the quantity furthest from what is intended or, if all are right, the one that moved most."""
    return "-" if quantity is None else f"{quantity.name} {quantity.intended:.4g} -> {quantity.measured:.4g}"


def _divergence(name: str, value: float, *, one_step: bool) -> str:
    """Return the entry that diverges most; `one_step`: in a step from the same state, else in runs from one start."""
    return f"{name} {value:.3g}{'' if one_step else ' (whole runs)'}" if value else "none"


def _interval(value: Interval) -> str:
    return f"{value.point:.0f} [{value.low:.0f}, {value.high:.0f}]" if value.known else f"{value.point:.0f}"
