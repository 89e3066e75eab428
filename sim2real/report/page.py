"""One self-contained page and the files beside it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from ..files.files import require_plain, write_atomic
from ..files.printable import printable
from ..stats import HARM, MIN_SEEDS, ORACLE, QUANTITIES, REFERENCE, Group, Summary, Word, sort_by, summarise
from ..stats.records import BenchResults
from .bars_table import make_bars, make_evidence
from .cards import make_cards
from .figures.learning_curves import TOGETHER
from .figures.table import FIGURES, MOST, choose_pictured
from .markdown import make_markdown
from .method_rows import make_env_table, make_method_table, make_paired_table
from .results_json import make_json
from .style.numbers import compute_decimals, count, number
from .style.palette import MethodStyle, make_styles
from .style.wording import answer, explain_no_effect, name_target, tell_faults
from .tables_csv import make_csv
from .target_tables import make_effects, make_quantities
from .view import make_budgets, make_settings

__all__ = ["ReportPaths", "make_page", "write_report"]


_FILES = ("report.html", "report.md", "summary.csv", "results.json")  # in the order of ReportPaths


@dataclass(frozen=True)
class ReportPaths:
    """Where the report lies."""

    html: Path
    markdown: Path
    csv: Path
    json: Path


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _styles(summary: Summary) -> dict[str, MethodStyle]:
    """Looks of all methods and of the oracle, which has rows too."""
    return make_styles((*summary.methods, ORACLE))


def _variables(summary: Summary) -> tuple[str, str]:
    """CSS declarations of the methods' colours, for light and for dark."""
    styles = _styles(summary).values()
    light = "".join(f"--m{style.slot}:{style.light};" for style in styles)
    return light, "".join(f"--m{style.slot}:{style.dark};" for style in styles)


def _environments(summary: Summary) -> list[dict[str, object]]:
    """The part of the page on every environment: its tables, and its figures by section.

    Only figures that have something to show; the SVG is ours and goes in unescaped.
    """
    shown = choose_pictured(summary)
    drawn = [(figure, sort_by(figure.plot(shown), lambda panel: panel.env)) for figure in FIGURES.values()]
    parts: list[dict[str, object]] = []
    for env in summary.envs:
        sections: dict[str, list[dict[str, object]]] = {"curves": [], "methods": [], "quantities": []}
        for figure, panels in drawn:
            if own := [(p.label, Markup(p.svg), p.description) for p in panels.get(env, ())]:
                sections[figure.section].append(
                    {"title": figure.title, "line": figure.line, "section": figure.section, "panels": own}
                )
        parts.append(
            {
                "name": env,
                "table": make_env_table(summary, env),
                "paired": make_paired_table(summary.env_tables.get(env)),
                "effects": make_effects(summary, env),
                "quantities": make_quantities(summary, env),
                "sections": sections,
                "no_effect": explain_no_effect(summary, env),
            }
        )
    return parts


def _show(value: object) -> object:
    """What an expression of the template becomes; markup is ours already."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _frame(group: Group) -> tuple[str, ...]:
    """Target, budget, floor, source return, threshold and the oracle's return as texts."""
    frame = group.frame
    returns = (frame.floor, frame.source_return, frame.threshold, frame.oracle_return)
    decimals = compute_decimals(returns)
    return name_target(group), count(frame.budget), *(number(value, decimals) for value in returns)


def make_page(results: BenchResults, summary: Summary) -> str:
    """HTML of the report: no script, no network, the same bytes for the same results."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_show
    )
    light, dark = _variables(summary)
    return environment.from_string(_read("template.html.jinja")).render(
        results=results,
        summary=summary,
        answer=answer(summary),
        cards=make_cards(summary),
        bars=make_bars(summary),
        evidence=make_evidence(summary),
        table=make_method_table(summary),
        paired=make_paired_table(summary.table),
        environments=_environments(summary),
        styles=_styles(summary),
        many=len(summary.methods) > TOGETHER,
        budgets=make_budgets(summary),
        settings=make_settings(results.settings),
        glossary=QUANTITIES.values(),
        frames=[_frame(group) for group in summary.groups],
        most=MOST,
        few=any(c.verdict and c.verdict.word is Word.TOO_FEW for g in summary.groups for c in g.cells.values()),
        min_seeds=MIN_SEEDS,
        faults=tell_faults(summary),
        reference=REFERENCE,
        harm=HARM,
        css=Markup(_read("style.css")),
        light=Markup(light),
        dark=Markup(dark),
    )


def write_report(results: BenchResults, out_dir: Path) -> ReportPaths:
    """Write results.json, summary.csv, report.md and report.html to `out_dir`, each whole or not at all.

    Raises:
        UserError: when `out_dir` or one of these files is a symbolic link: a folder may have come from somebody else.
    """
    require_plain(out_dir.parent, (out_dir.name,), below=False)
    require_plain(out_dir, _FILES, below=False)
    out_dir.mkdir(parents=True, exist_ok=True)
    summary = summarise(results)
    texts = (
        make_page(results, summary),
        make_markdown(results, summary),
        make_csv(summary),
        make_json(results, summary),
    )
    paths = ReportPaths(*(out_dir / name for name in _FILES))
    for name, text in zip(_FILES, texts, strict=True):
        write_atomic(out_dir / name, text)
    return paths
