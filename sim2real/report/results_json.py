"""results.json: the records as they came and the summary made of them, everything a machine wants."""

from __future__ import annotations

import json
from typing import Any

from ..records import BenchResults, to_mapping
from ..stats import Cell, CensoredInterval, Group, Interval, Summary

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
        "median": _interval(times.median),
        "num_censored": times.num_censored,
        "num_runs": times.num_runs,
        "budget": times.budget,
        "times": times.times,
    }


def _cell(cell: Cell) -> dict[str, Any]:
    verdict = cell.verdict
    return {
        "method": cell.method,
        "num_runs": cell.num_runs,
        "num_failed": cell.num_failed,
        "num_missing": cell.num_missing,
        "num_short": cell.num_short,
        "verdict": None
        if verdict is None
        else {"word": verdict.word.value, "num_runs": verdict.num_runs, "reason": verdict.reason},
        "quantities": {name: _interval(interval) for name, interval in cell.quantities.items()},
        "time_to_threshold": None if cell.times is None else _times(cell.times),
        "curve": {"steps": cell.curves.steps, "mean": cell.mean, "low": cell.low, "high": cell.high},
        "costs": vars(cell.costs),
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        **vars(group.frame),
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
        "targets": [_group(group) for group in summary.groups],
        "overall": {method: _interval(interval) for method, interval in summary.overall.items()},
        "problems": [vars(problem) for problem in summary.problems],
    }
    content = {**to_mapping(results), "summary": to_mapping(derived)}
    return json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
