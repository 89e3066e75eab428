"""Tables for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from agents import PlanRow

from ..api import EvaluationResult
from ..calibrate.calibration import Calibration
from ..runs.evaluation import describe_broken
from ..stats import Interval, Word, sort_by, summarise
from ..stats.records import BenchResults

__all__ = ["calibration_table", "evaluation_table", "plan_table", "runs_table", "summary_table"]


def plan_table(method: str, rows: list[PlanRow]) -> Table:
    """Return what becomes of every part, and its learning-rate scale in every phase."""
    table = Table(title=f"plan of {method}", title_justify="left", title_style="bold", box=SIMPLE, pad_edge=False)
    table.add_column("part")
    table.add_column("becomes")
    table.add_column("parameters", justify="right")
    for phase in rows[0].rates:
        table.add_column(phase, justify="right")
    for row in rows:
        rates = ["still" if rate is None else f"x{rate:g}" for rate in row.rates.values()]
        table.add_row(row.part, row.action, f"{row.parameters:,}", *rates)
    return table


def evaluation_table(run: str, results: Sequence[EvaluationResult]) -> Table:
    """Return a row for every domain; below them the reward terms, and the episodes that diverged, if any."""
    notes = [note for result in results for note in _notes(result, named=len(results) > 1)]
    table = Table(
        title=Text(run),
        title_justify="left",
        title_style="bold",
        caption=Text("\n".join(notes)),
        caption_justify="left",
        box=SIMPLE,
        pad_edge=False,
    )
    for name in ("domain", "return", "95 % interval", "sd", "length", "falls", "runs", "steps"):
        table.add_column(name, justify="left" if name == "domain" else "right", no_wrap=True)
    for found in results:
        result, estimate = found.episodes, found.interval
        table.add_row(
            found.target or "source",
            f"{result.mean:.1f}",
            f"{estimate.low:.1f} .. {estimate.high:.1f}" if estimate.known else "-",
            f"{result.sd:.1f}",
            f"{result.lengths.mean():.0f}",
            f"{result.falls}",
            f"{len(result.returns)}",
            f"{result.steps:,}",
        )
    return table


def _notes(found: EvaluationResult, *, named: bool) -> list[str]:
    """Return what is said below the table of one evaluation, with the domain's name where there are several."""
    result, where = found.episodes, f"{found.target or 'source'}: " if named else ""
    terms = ", ".join(f"{name} {value:.1f}" for name, value in result.mean_terms.items())
    notes = [f"{where}reward terms an episode: {terms}"]
    if result.not_finite:
        notes.append(f"{where}{describe_broken(result.not_finite)}")
    elif result.faults:
        notes.append(f"{where}the simulation diverged in {result.faults} of {len(result.returns)} episodes")
    return notes


def calibration_table(title: str, result: Calibration) -> Table:
    """Return the levels of a calibration: drop wanted, severity, drop on fresh seeds with interval; below, remarks."""
    remarks = [f"{level.name}: {level.remark}" for level in result.levels if level.remark]
    table = Table(
        title=Text(title),
        title_justify="left",
        title_style="bold",
        caption=Text("\n".join(remarks)) if remarks else None,
        caption_justify="left",
        caption_style="yellow",
        box=SIMPLE,
        pad_edge=False,
    )
    for name in ("level", "drop wanted", "severity", "drop", "95 % interval", "return"):
        table.add_column(name, justify="left" if name == "level" else "right", no_wrap=True)
    table.add_row("policy", "", "0", "", "", f"{result.policy_return:.1f}")
    for level in result.levels:
        if level.severity is None or level.drop is None:
            table.add_row(level.name, f"{level.wanted:g}", "none", "", "", "", style="red")
            continue
        interval = f"{level.drop.low:.3f} .. {level.drop.high:.3f}"
        numbers = (f"{level.wanted:g}", f"{level.severity:.4g}", f"{level.drop.point:.3f}", interval)
        table.add_row(level.name, *numbers, f"{level.mean_return:.1f}")
    table.add_row("random actions", "", "0", "", "", f"{result.random_return:.1f}")
    return table


def summary_table(results: BenchResults) -> Table:
    """Return what every method reached on every target, and its gain over scratch with a 95 % interval and verdict."""
    table = Table(title=Text(results.name), title_justify="left", title_style="bold", box=SIMPLE, padding=0)
    table.add_column("method", overflow="fold")  # the one to give way on a narrow terminal: numbers and verdicts stay
    for name in ("step 0", "last fifth", "gain over scratch [95 %]"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("transfer", no_wrap=True)
    for group in summarise(results).groups:
        table.add_row(Text(f"{group.frame.env} {group.frame.target}", style="bold"))
        for method, cell in group.cells.items():
            start, end = (_point(cell.quantities.get(name)) for name in ("initial_return", "asymptotic_return"))
            gain = _interval(cell.quantities.get("auc_difference"))
            verdict = _SHORT[cell.verdict.word] if cell.verdict is not None else "-"
            table.add_row(f"  {method}", start, end, gain, verdict, style=_STYLES.get(verdict))
    return table


def runs_table(results: BenchResults) -> Table:
    """Return every run beside its source agent: returns on the target, and on the source before and after."""
    table = Table(title=Text(results.name), title_justify="left", title_style="bold", box=SIMPLE, padding=0)
    table.add_column("method, seed", no_wrap=True)
    for name in ("step 0", "end", "steps", "source before", "source after"):
        table.add_column(name, justify="right", no_wrap=True)
    for (env, target), records in sort_by(results.records, lambda record: (record.env, record.target)).items():
        table.add_row(Text(f"{env} {target}", style="bold"))
        for record in records:
            ends = (record.returns[0], record.returns[-1]) if len(record.returns) else (None, None)
            first, last, before, after = (
                "-" if value is None else f"{value:,.1f}"
                for value in (*ends, record.source_return_before, record.source_return_after)
            )
            name = f"  {record.method}, {record.seed}" + ("" if record.finished else f" ({record.status})")
            table.add_row(Text(name), first, last, f"{record.target_steps:,}", before, after)
    return table


_SHORT = {
    Word.POSITIVE: "POSITIVE",
    Word.NEGATIVE: "NEGATIVE",
    Word.INCONCLUSIVE: "INCONCLUSIVE",
    Word.TOO_FEW: "FEW SEEDS",
    Word.NO_DATA: "NO DATA",
}
_STYLES = {"POSITIVE": "green", "NEGATIVE": "bold red"}


def _point(value: Interval | None) -> Text:
    return Text(f"{value.point:,.0f}" if value is not None and math.isfinite(value.point) else "-")


def _interval(value: Interval | None) -> Text:
    if value is None or not math.isfinite(value.point):
        return Text("-")
    if not value.known:
        return Text(f"{value.point:+,.0f}")
    return Text(f"{value.point:+,.0f} [{value.low:+,.0f}, {value.high:+,.0f}]", no_wrap=True)
