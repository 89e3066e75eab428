"""results.json: the records as they came and the summary made of them, everything a machine wants."""

from __future__ import annotations

import json
from typing import Any

from ..stats import QUANTITIES, Bar, Cell, CensoredInterval, Group, Interval, MethodRow, MethodTable, Oracle, Summary
from ..stats.records import BenchResults, to_mapping

__all__ = ["make_json"]


def _interval(interval: Interval) -> dict[str, Any]:
    return {
        "point": interval.point,
        "low": interval.low,
        "high": interval.high,
        "num_runs": interval.num_runs,
    }


def _times(times: CensoredInterval) -> dict[str, Any]:
    """Unreached times are null; `num_censored` says how many."""
    return {
        "restricted_mean": _interval(times.restricted_mean),
        "restricted_iqm": _interval(times.restricted_iqm),
        "median": _interval(times.median),
        "num_censored": times.num_censored,
        "num_runs": times.num_runs,
        "budget": times.budget,
        "times": times.times,
    }


def _steps_to(cell: Cell, name: str) -> dict[str, Any] | None:
    found = cell.steps_to.get(name)
    return None if found is None else _times(found)


def _cell(cell: Cell) -> dict[str, Any]:
    verdict = cell.verdict
    return {
        "method": cell.method,
        "num_runs": cell.num_runs,
        "num_failed": cell.num_failed,
        "num_missing": cell.num_missing,
        "num_short": cell.num_short,
        "num_long": cell.num_long,
        "verdict": None if verdict is None else {**vars(verdict), "word": verdict.word.value},
        "quantities": {name: _interval(interval) for name, interval in cell.quantities.items()},
        **{name: _steps_to(cell, name) for name, row in QUANTITIES.items() if row.kind == "steps"},
        "curve": {"steps": cell.curves.steps, "mean": cell.mean, "low": cell.low, "high": cell.high},
        "costs": vars(cell.costs),
    }


def _oracle(oracle: Oracle) -> dict[str, Any]:
    """The oracle's runs, which spent other steps than the methods'."""
    end, curves = oracle.asymptotic_return, oracle.curves
    return {
        **{name: getattr(oracle, name) for name in ("num_runs", "num_failed", "num_missing", "num_short", "steps")},
        "asymptotic_return": None if end is None else _interval(end),
        "curve": {"steps": curves.steps, "mean": curves.returns.mean(axis=0) if oracle.num_runs else ()},
        "costs": vars(oracle.costs),
    }


def _table(table: MethodTable) -> dict[str, Any]:
    def row(found: MethodRow) -> dict[str, Any]:
        return {**vars(found), "quantities": {name: _interval(i) for name, i in found.quantities.items()}}

    oracle = None if table.oracle is None else _interval(table.oracle)
    paired = [{**vars(pair), "difference": _interval(pair.difference)} for pair in table.paired]
    return {**vars(table), "rows": [row(found) for found in table.rows], "oracle": oracle, "paired": paired}


def _bar(bar: Bar) -> dict[str, Any]:
    return {**vars(bar), "evidence": [vars(evidence) for evidence in bar.evidence]}


def _group(group: Group) -> dict[str, Any]:
    return {
        **vars(group.frame),
        "oracle": None if group.oracle is None else _oracle(group.oracle),
        "no_oracle": group.no_oracle,
        "headline": vars(group.headline),
        "methods": [_cell(cell) for cell in group.cells.values()],
    }


def make_json(results: BenchResults, summary: Summary) -> str:
    """Strict JSON: the fields of the results, which `load_results` reads back, and `summary`."""
    derived = {
        "leading_method": summary.leading,
        "num_jobs": summary.num_jobs,
        "num_finished": summary.num_finished,
        "source_steps": summary.source_steps,
        "bars": [_bar(bar) for bar in summary.bars],
        "method_table": None if summary.table is None else _table(summary.table),
        "method_tables": {env: _table(table) for env, table in summary.env_tables.items()},
        "targets": [_group(group) for group in summary.groups],
        "overall": {method: _interval(interval) for method, interval in summary.overall.items()},
        "problems": [vars(problem) for problem in summary.problems],
    }
    content = {**to_mapping(results), "summary": to_mapping(derived)}
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    # half a surrogate pair, as in the name of a file that is no UTF-8, can only be written as an escape
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
