"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from agents import PlanRow

from .evaluation import Evaluation
from .records import BenchResults
from .stats import Interval, summarise

__all__ = ["evaluation_table", "plan_table", "summary_table", "two_columns"]


def two_columns(title: str, rows: Mapping[str, str]) -> Table:
    """Return names and their descriptions under a title."""
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True, style="cyan")
    table.add_column()
    for name, text in rows.items():
        table.add_row(f"  {name}", text)
    return table


def plan_table(method: str, rows: list[PlanRow]) -> Table:
    """Return what becomes of every part, and its learning-rate scale in every phase."""
    table = Table(title=f"plan of {method}", title_justify="left", title_style="bold")
    table.add_column("part")
    table.add_column("what becomes of it")
    table.add_column("parameters", justify="right")
    for phase in rows[0].rates:
        table.add_column(f"rate in {phase}", justify="right")
    for row in rows:
        rates = ["still" if rate is None else f"x{rate:g}" for rate in row.rates.values()]
        table.add_row(row.part, row.action, f"{row.parameters:,}", *rates)
    return table


def evaluation_table(run: str, domain: str, result: Evaluation, estimate: Interval) -> Table:
    """Return an evaluation as a table of one row."""
    table = Table(title=run, title_justify="left", title_style="bold")
    for name in ("domain", "return", "95 % interval", "sd", "length", "falls", "episodes", "steps"):
        table.add_column(name, justify="left" if name == "domain" else "right")
    table.add_row(
        domain,
        f"{result.mean:.1f}",
        f"{estimate.low:.1f} .. {estimate.high:.1f}",
        f"{result.sd:.1f}",
        f"{result.lengths.mean():.0f}",
        f"{result.falls}",
        f"{len(result.returns)}",
        f"{result.steps:,}",
    )
    return table


def summary_table(results: BenchResults) -> Table:
    """Return what every method reached on every target, with 95 % intervals over seeds, and its verdict."""
    table = Table(title=results.name, title_justify="left", title_style="bold")
    for name in ("environment", "target", "method"):
        table.add_column(name)
    for name in ("return at step 0", "last fifth", "area minus scratch's"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for group in summarise(results).groups:
        for method, cell in group.cells.items():
            values = [cell.quantities.get(q) for q in ("initial_return", "asymptotic_return", "auc_difference")]
            cells = [_interval(value) for value in values]
            verdict = cell.verdict.word.value if cell.verdict is not None else "yardstick"
            table.add_row(group.frame.env, group.frame.target, method, *cells, verdict, style=_style(verdict))
        table.add_section()
    return table


def _interval(value: Interval | None) -> str:
    return "-" if value is None or not value.known else f"{value.point:,.0f} ({value.low:,.0f} .. {value.high:,.0f})"


def _style(verdict: str) -> str | None:
    return {"POSITIVE TRANSFER": "green", "NEGATIVE TRANSFER": "bold red"}.get(verdict)
