"""Records behind docs/results.md: those of the grids that come along, whole per environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim2real.bench import load_bench_config, merge_results
from sim2real.stats import summarise
from sim2real.stats.results_file import load_results

ROOT = Path(__file__).parents[3]
FOLDERS = sorted(folder for folder in (ROOT / "benchmarks").iterdir() if folder.is_dir())


@pytest.mark.thorough
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_measured_records_are_those_of_their_grid(folder: Path) -> None:
    path = ROOT / "configs" / "bench" / f"{folder.name}.yaml"
    grid = load_bench_config(path)
    files = sorted(folder.glob("*.json"))
    parts = {str(file): load_results(file) for file in files}
    for file, part in zip(files, parts.values(), strict=True):
        assert {name: item for name, item in part.settings.items() if name != "runs"} == grid.model_dump(mode="json")
        run = part.settings["runs"][file.stem]  # what ran is what the grid would run today
        assert grid.run_config(file.stem, run["seed"], path.parent).model_dump(mode="json") == run
        ran = {(r.env, r.target, r.method, r.seed): r.status for r in part.records}
        wanted = {(file.stem, t, m, s) for t in grid.targets for m in grid.methods for s in grid.seeds}
        assert ran.keys() == wanted
        assert set(ran.values()) == {"finished"}
    summary = summarise(merge_results(parts))
    assert (
        summary.num_finished == summary.num_jobs == len(files) * len(grid.targets) * len(grid.methods) * len(grid.seeds)
    )
    assert len(summary.bars) == 4
