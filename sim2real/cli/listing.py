"""The command sim2real list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer
from rich.table import Table

from .terminal import console

__all__ = ["list_tables"]


def list_tables(
    table: Annotated[str | None, typer.Argument(help="One of the tables, e.g. shifts; all if left out.")] = None,
) -> None:
    """Show environments, parameters, shifts, agents, methods and figures, each with one line."""
    from agents import AGENTS
    from envs import ENVS, PARAMETERS, SHIFTS, unknown_name

    from ..methods import METHODS
    from ..report.figures.table import FIGURES

    tables = {
        "environments": {name: row.summary for name, row in ENVS.items()},
        "parameters": {name: f"{row.description} ({row.unit})" for name, row in PARAMETERS.items()},
        "shifts": {name: row.summary for name, row in SHIFTS.items()},
        "agents": {name: row.description for name, row in AGENTS.items()},
        "methods": {name: row.summary for name, row in METHODS.items()},
        "figures": {name: row.title for name, row in FIGURES.items()},
    }
    if table is not None and table not in tables:
        raise unknown_name("table", table, tables)
    for title, rows in tables.items():
        if table in (None, title):
            console.print(_two_columns(title, rows))


def _two_columns(title: str, rows: Mapping[str, str]) -> Table:
    """Return names and their descriptions under a title."""
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True, style="cyan")
    table.add_column()
    for name, text in rows.items():
        table.add_row(f"  {name}", text)
    return table
