"""Measure all rows, print one table, write perf.json."""

from __future__ import annotations

from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from ..files.files import write_json
from ..versions import collect_versions
from .channels import measure_channels, measure_scaling
from .envpool import measure_envpool
from .learning import measure_frozen_encoder, measure_ppo
from .measure import Figure
from .memory import measure_memory
from .sac import measure_sac
from .worlds import measure_worlds

__all__ = ["main"]

MEASURES = (
    measure_worlds,
    measure_envpool,
    measure_channels,
    measure_scaling,
    measure_ppo,
    measure_frozen_encoder,
    measure_sac,
    measure_memory,
)


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    console = Console()
    figures: list[Figure] = []
    for measure in MEASURES:
        console.print(f"measuring {measure.__name__.removeprefix('measure_')} ...", style="dim")
        figures += measure()
    console.print(_table(figures))
    rows = [
        {
            "name": f.name,
            "bar": f.bar,
            "at_least": f.at_least,
            "median": f.median,
            "values": list(f.values),
            "note": f.note,
        }
        for f in figures
    ]
    write_json(Path("perf.json"), {"versions": collect_versions(), "figures": rows})


def _table(figures: list[Figure]) -> Table:
    table = Table("figure", "bar", "median", "lowest", "highest", "met", "absolute (median)")
    for figure in figures:
        sign = ">=" if figure.at_least else "<="
        numbers = (f"{value:.3g}" for value in (figure.median, min(figure.values), max(figure.values)))
        table.add_row(figure.name, f"{sign} {figure.bar:g}", *numbers, "yes" if figure.met else "NO", figure.note)
    return table


if __name__ == "__main__":
    main()
