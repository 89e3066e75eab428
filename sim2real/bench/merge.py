"""Results of one grid that was run in several places, as one: a machine takes an environment, another one the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files.differences import describe_differences
from ..stats.records import BenchResults, RunRecord, Status, to_mapping
from ..stats.results_file import load_results
from ..versions import join_versions
from .bench import Bench

__all__ = ["merge_results", "read_results"]

_RANK: dict[Status, int] = {"missing": 0, "failed": 1, "finished": 2}
_SAME_GRID = ("name", "default_method", "threshold_fraction", "settings")
_RUNS = "runs"  # in the settings: environment -> configuration of its runs


def read_results(path: Path) -> BenchResults:
    """Return what the folder of a benchmark, or a results.json, holds.

    Raises:
        UserError: naming what is missing or damaged.
    """
    if not path.is_file():
        return Bench.open(path).results()
    try:
        return load_results(path)
    except (ValueError, OSError) as error:
        raise UserError(str(error)) from None


def merge_results(parts: Mapping[str, BenchResults]) -> BenchResults:
    """Join results of the same grid: of every job the record that got furthest.

    Source agents are made anew in each place, and what begins from different ones cannot be compared seed by seed. So
    all finished runs of an environment and seed must have begun from agents of the same return.

    Args:
        parts: name of a place, for messages -> its results; at least one.

    Raises:
        UserError: naming two places and what they disagree on: the grid, a job both finished, a source agent.
    """
    (first, base), *others = parts.items()
    for name, part in others:
        for key in _SAME_GRID:
            one, other = ({key: _of_grid(results, key)} for results in (base, part))
            if one != other:
                differences = describe_differences(one, other, ("first", "second"))
                raise UserError(f"{first} and {name}: not the same grid, {differences}; only parts of one merge")
    found: dict[str, tuple[str, RunRecord]] = {}
    for name, part in parts.items():
        for record in part.records:
            place, known = found.get(record.key, (name, record))
            if known.finished and record.finished and _outcome(known) != _outcome(record):
                raise UserError(f"{place} and {name}: {record.key} finished otherwise in each; leave one place out")
            better = _RANK[record.status] > _RANK[known.status]
            found[record.key] = (name, record) if better or record.key not in found else (place, known)
    _require_same_sources(list(found.values()))
    return BenchResults(
        base.name,
        tuple(record for _, record in found.values()),
        {**base.settings, _RUNS: _join_runs(parts)},
        join_versions(part.versions for part in parts.values()),
        base.threshold_fraction,
        base.default_method,
        max(part.created for part in parts.values()),
    )


def _outcome(record: RunRecord) -> Any:
    """Return what two runs of a job have in common: not how long they took, nor what older files do not say."""
    left_out = ("wall_seconds", "source", "companion_steps", "eval_faults")
    return {name: value for name, value in to_mapping(record).items() if name not in left_out}


def _of_grid(part: BenchResults, key: str) -> Any:
    """Return what all parts of a grid have in common, as JSON; how its environments are run is each one's own."""
    value = to_mapping(getattr(part, key))
    return {name: item for name, item in value.items() if name != _RUNS} if key == "settings" else value


def _join_runs(parts: Mapping[str, BenchResults]) -> dict[str, Any]:
    """Return environment -> configuration of its runs, from where they took place; UserError where two differ."""
    found: dict[str, tuple[str, Any]] = {}
    for name, part in parts.items():
        ran = {record.env for record in part.records if record.status != "missing"}
        for env, config in to_mapping(part.settings.get(_RUNS, {})).items():
            place, known = found.setdefault(env, (name, config)) if env in ran else (name, config)
            if known != config:
                differences = describe_differences(known, config, ("first", "second"))
                raise UserError(f"{place} and {name}: {env} was run with different configurations: {differences}")
    planned = {env: config for part in parts.values() for env, config in part.settings.get(_RUNS, {}).items()}
    return planned | {env: config for env, (_, config) in found.items()}


def _require_same_sources(records: Sequence[tuple[str, RunRecord]]) -> None:
    """Raise UserError where finished runs of an environment, seed and kind of source began from different agents."""
    seen: dict[tuple[str, int, str | None], tuple[str, float]] = {}
    for name, record in records:
        before = record.source_return_before
        if not record.finished or before is None:
            continue
        place, known = seen.setdefault((record.env, record.seed, record.source), (name, before))
        if known != before:
            raise UserError(
                f"{place} and {name}: source agents of {record.env} seed {record.seed} differ (return {known:g} and "
                f"{before:g}); run all methods of an environment in one place (bench --only)"
            )
