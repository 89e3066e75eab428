"""report.md: the same answer and tables for a terminal, a pull request or a mail."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..files.printable import plural, printable
from ..stats import QUANTITIES, Summary
from ..stats.records import BenchResults
from .bars_table import make_bars, make_evidence
from .cards import make_cards
from .method_rows import make_env_table, make_method_table, make_paired_table
from .style.wording import answer, tell_faults
from .target_tables import make_effects, make_quantities
from .view import Table, Value, make_budgets, make_settings

__all__ = ["make_markdown"]


# What begins markup wherever it stands, and underscores where they do not join two words as in frozen_encoder.
_MARKUP = re.compile(r"[\\|`*~$]|(?<!\w)_|_(?!\w)|(?<=\])[(\[:]|(?<=:)//|(?<=\bwww)\.", re.IGNORECASE)


def _escape(text: str) -> str:
    """Make names and reasons plain text: no markup, no link, no tag, one line."""
    plain = re.sub(r"[\t\n]", " ", printable(text)).replace("&", "&amp;").replace("<", "&lt;")
    return _MARKUP.sub(lambda found: "".join(f"\\{letter}" for letter in found[0]), plain)


def _lines(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    head = "| " + " | ".join(map(_escape, columns)) + " |"
    rule = "|" + "|".join([":--"] + ["--:"] * (len(columns) - 1)) + "|"
    return [head, rule, *("| " + " | ".join(map(_escape, row)) + " |" for row in rows), ""]


def _text(value: Value) -> str:
    return " ".join(part for part in (value.text, value.interval, value.note) if part)


def _table(table: Table, first: str) -> list[str]:
    rows = [[name, *map(_text, values)] for name, values in table.rows]
    return _lines([first, *table.columns], rows)


def _section(table: Table | None, mark: str, first: str) -> list[str]:
    if table is None:
        return []
    line = [_escape(table.line), ""] if table.line else []
    return [f"{mark} {_escape(table.caption)}", "", *line, *_table(table, first)]


def make_markdown(results: BenchResults, summary: Summary) -> str:
    """The report without its pictures."""
    out = [f"# {_escape(results.name)}", "", f"**{_escape(answer(summary))}**", ""]
    out += [
        f"{summary.num_finished} of {plural(summary.num_jobs, 'run')} finished. Made {_escape(results.created)}.",
        "",
    ]
    out += ["## Verdicts", ""]
    rows = [
        [
            card.target,
            f"{card.sign} {card.word}".strip(),
            f"{card.effect} {card.interval}",
            card.share,
            card.seeds,
            card.reason,
        ]
        for card in make_cards(summary)
    ]
    head = ["target", f"{summary.leading} against scratch", "effect, 95 % interval", "share", "seeds", "why"]
    out += _lines(head, rows)
    out += _section(make_bars(summary), "##", "what it asks") + _section(make_evidence(summary), "###", "target")
    if len(summary.envs) > 1:
        out += _section(make_method_table(summary), "##", "method")
        out += _section(make_paired_table(summary.table), "###", "method")
    for env in summary.envs:
        out += [f"## {_escape(env)}", ""]
        out += _section(make_env_table(summary, env), "###", "method")
        out += _section(make_paired_table(summary.env_tables.get(env)), "###", "method")
        for table in (make_effects(summary, env), *make_quantities(summary, env)):
            out += _section(table, "###", "method")
    faults = tell_faults(summary)
    out += ["## Budgets", "", *([faults, ""] if faults else []), *_table(make_budgets(summary), "target, method")]
    out += ["## Runs that do not count", ""]
    if summary.problems:
        rows = [[p.env, p.target, p.method, str(p.seed), p.status, p.reason] for p in summary.problems]
        out += _lines(["environment", "target", "method", "seed", "status", "reason"], rows)
    else:
        out += ["None: every job finished.", ""]
    out += ["## Configuration", "", *_lines(["setting", "value"], make_settings(results.settings))]
    out += ["## Versions", "", *_lines(["package", "version"], results.versions.items())]
    out += ["## How to read this", ""]
    out += [f"- **{q.title}**: {q.definition} `{q.formula}` ({q.source})" for q in QUANTITIES.values()]
    return "\n".join(out) + "\n"
