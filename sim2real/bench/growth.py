"""What becomes of the runs of a benchmark when a larger grid is asked for: those that still belong to it are reused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files.differences import describe_differences
from .collect import has_finished
from .grid import Job

__all__ = ["grow"]

_FIXED = ("name", "default_method", "threshold_fraction")
_LISTS = ("environments", "targets", "methods", "seeds")
_NAMED = 3  # runs that a message names


def grow(path: Path, grids: tuple[Mapping[str, Any], Mapping[str, Any]], there: Sequence[Job], jobs: list[Job]) -> None:
    """Make the `jobs` of a grid that is asked for go on with those that are `there`, in place.

    A job whose run has begun keeps the configuration that its run has, if it differs in nothing that this run depends
    on. One that has not begun takes what is asked.

    Args:
        path: the benchmark's folder.
        grids: the configuration of the benchmark that is there, and of the one that is asked for, as JSON values.
        there: the jobs that are there.
        jobs: those that are asked for.

    Raises:
        UserError: when the grid lacks something that is there, is judged otherwise, or runs no longer belong to it.
    """
    _require_larger(path, *grids)
    known = {job.path: job for job in there}
    lost: dict[str, list[Job]] = {}
    for place, job in enumerate(jobs):
        old = known.get(job.path)
        if old is None or not _has_begun(path / job.path):
            continue
        if difference := describe_differences(_deciding(old), _deciding(job)):
            lost.setdefault(difference, []).append(old)
        jobs[place] = old
    if lost:
        raise UserError(
            f"{path}: runs there do not belong to what is asked: {'; '.join(_describe(path, *e) for e in lost.items())}"
            "; choose another --out, ask for what is there, or move these runs away"
        )


def _require_larger(path: Path, there: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Raise UserError where the grid that is asked for lacks what is there, or is judged otherwise."""
    one, other = ({key: grid.get(key) for key in _FIXED} for grid in (there, asked))
    if difference := describe_differences(one, other):
        raise UserError(
            f"{path}: already holds another benchmark: differs in {difference}, which is fixed before anything runs; "
            "choose another --out, or ask for what is there"
        )
    for key in _LISTS:
        names = [[_name(key, value) for value in grid.get(key, ())] for grid in (there, asked)]
        if missing := [name for name in names[0] if name not in names[1]]:
            raise UserError(
                f"{path}: already holds another benchmark: {key}: there {', '.join(names[0])}, asked "
                f"{', '.join(names[1])}; a benchmark can grow, but not lose {', '.join(missing)}; choose another "
                "--out, or ask for these too"
            )


def _name(key: str, value: Any) -> str:
    """Return how an entry of the grid is called; an environment as its folders are."""
    return Path(value).stem if key == "environments" else str(value)


def _has_begun(run: Path) -> bool:
    return run.is_dir() and any(run.iterdir())


def _deciding(job: Job) -> dict[str, Any]:
    """Return what of a job's configuration, and of what it begins from, its run depends on.

    A source agent does not depend on targets and their budget, a run on one target not on the other targets.
    """
    config = {**job.config, "targets": {k: v for k, v in job.config.get("targets", {}).items() if k == job.target}}
    if job.target is None:
        elsewhere = ("target_steps", "evaluations")
        config = {key: value for key, value in config.items() if key not in ("targets", "transfer")}
        config["budget"] = {key: value for key, value in config["budget"].items() if key not in elsewhere}
    return {**config, "begins from": job.source}


def _describe(path: Path, difference: str, jobs: Sequence[Job]) -> str:
    finished = sum(has_finished(path, job) for job in jobs)
    more = f" and {len(jobs) - _NAMED} more" if len(jobs) > _NAMED else ""
    places = ", ".join(job.path for job in jobs[:_NAMED])
    return f"{difference} ({len(jobs)} begun, {finished} of them finished: {places}{more})"
