"""One self-contained page and the files beside it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from ..files import write_atomic
from ..records import BenchResults
from ..stats import MIN_SEEDS, QUANTITIES, REFERENCE, Group, Summary, Word, summarise
from .cards import make_cards
from .figures import FIGURES
from .markdown import make_markdown
from .numbers import compute_decimals, count, number
from .palette import make_styles
from .results_json import make_json
from .tables_csv import make_csv
from .view import make_budgets, make_effects, make_quantities, make_settings
from .wording import answer, name_target

__all__ = ["ReportPaths", "make_page", "write_report"]


@dataclass(frozen=True)
class ReportPaths:
    """Where the report lies."""

    html: Path
    markdown: Path
    csv: Path
    json: Path


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _variables(summary: Summary) -> tuple[str, str]:
    """CSS declarations of the methods' colours, for light and for dark."""
    styles = make_styles(summary.methods).values()
    light = "".join(f"--m{style.slot}:{style.light};" for style in styles)
    return light, "".join(f"--m{style.slot}:{style.dark};" for style in styles)


def _sections(summary: Summary) -> dict[str, list[dict[str, object]]]:
    """Figures that have something to show, by section of the page; the SVG is ours and goes in unescaped."""
    sections: dict[str, list[dict[str, object]]] = {"curves": [], "methods": [], "quantities": []}
    for figure in FIGURES.values():
        panels = [(p.label, Markup(p.svg), p.description) for p in figure.plot(summary)]
        if panels:
            sections[figure.section].append({"title": figure.title, "line": figure.line, "panels": panels})
    return sections


def _frame(group: Group) -> tuple[str, ...]:
    """Target, budget, floor, source return and threshold as texts."""
    frame = group.frame
    returns = (frame.floor, frame.source_return, frame.threshold)
    decimals = compute_decimals(returns)
    return name_target(group), count(frame.budget), *(number(value, decimals) for value in returns)


def make_page(results: BenchResults, summary: Summary) -> str:
    """HTML of the report: no script, no network, the same bytes for the same results."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    light, dark = _variables(summary)
    return environment.from_string(_read("template.html.jinja")).render(
        results=results,
        summary=summary,
        answer=answer(summary),
        cards=make_cards(summary),
        styles=make_styles(summary.methods),
        sections=_sections(summary),
        effects=make_effects(summary),
        quantities=make_quantities(summary),
        budgets=make_budgets(summary),
        settings=make_settings(results.settings),
        glossary=QUANTITIES.values(),
        frames=[_frame(group) for group in summary.groups],
        few=any(c.verdict and c.verdict.word is Word.TOO_FEW for g in summary.groups for c in g.cells.values()),
        min_seeds=MIN_SEEDS,
        reference=REFERENCE,
        css=Markup(_read("style.css")),
        light=Markup(light),
        dark=Markup(dark),
    )


def write_report(results: BenchResults, out_dir: Path) -> ReportPaths:
    """Write results.json, summary.csv, report.md and report.html to `out_dir`, each whole or not at all."""
    out_dir.mkdir(parents=True, exist_ok=True)
    summary = summarise(results)
    texts = {
        "results.json": make_json(results, summary),
        "summary.csv": make_csv(summary),
        "report.md": make_markdown(results, summary),
        "report.html": make_page(results, summary),
    }
    for name, text in texts.items():
        write_atomic(out_dir / name, text)
    return ReportPaths(
        html=out_dir / "report.html",
        markdown=out_dir / "report.md",
        csv=out_dir / "summary.csv",
        json=out_dir / "results.json",
    )
