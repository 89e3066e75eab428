"""Records behind docs/results.md: those of the grids that come along, whole per environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim2real.bench import load_bench_config, merge_results
from sim2real.stats import summarise
from sim2real.stats.results_file import load_results

ROOT = Path(__file__).parents[3]
FOLDERS = sorted(folder for folder in (ROOT / "benchmarks").iterdir() if folder.is_dir())

# What a configuration has changed since its records were made; a row goes when they are made again.
SINCE: dict[tuple[str, str], dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {  # learner -> settings then, today
    ("methods", "hopper"): {
        "agent": (
            {"schedule": "linear", "gamma": 0.99, "log_std_init": -0.5},
            {"schedule": "adaptive", "desired_kl": 0.01, "gamma": 0.995, "log_std_init": 0, "log_std_end": -2}
            | {"shared_encoder": False, "bounds_coef": 0.3},
        ),
        "transfer": ({}, {"schedule": "linear", "log_std_init": -0.5, "log_std_end": None}),
    }
}


def as_then(run: dict[str, Any], changes: dict[str, tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    """Return a run's configuration of today with the settings that it had then; everything else must be the same."""
    for learner, (then, today) in changes.items():
        settings = run[learner]["settings"]
        assert {key: settings.pop(key) for key in today} == today
        settings |= then
    return run


@pytest.mark.thorough
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_measured_records_are_those_of_their_grid(folder: Path) -> None:
    path = ROOT / "configs" / "bench" / f"{folder.name}.yaml"
    grid = load_bench_config(path)
    files = sorted(folder.glob("*.json"))
    parts = {str(file): load_results(file) for file in files}
    for file, part in zip(files, parts.values(), strict=True):
        assert {name: item for name, item in part.settings.items() if name != "runs"} == grid.model_dump(mode="json")
        run = part.settings["runs"][file.stem]  # what ran is what the grid would run today, but for SINCE
        today = grid.run_config(file.stem, run["seed"], path.parent).model_dump(mode="json")
        assert as_then(today, SINCE.get((folder.name, file.stem), {})) == run
        ran = {(r.env, r.target, r.method, r.seed): r.status for r in part.records}
        wanted = {(file.stem, t, m, s) for t in grid.targets for m in grid.methods for s in grid.seeds}
        assert ran.keys() == wanted
        assert set(ran.values()) == {"finished"}
    summary = summarise(merge_results(parts))
    assert (
        summary.num_finished == summary.num_jobs == len(files) * len(grid.targets) * len(grid.methods) * len(grid.seeds)
    )
    assert len(summary.bars) == 4
