"""A benchmark grows: what is finished is reused, and runs that do not belong to what is asked are named by key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from small_runs import CONTENT, small_content

from sim2real.bench import Bench, BenchConfig
from sim2real.errors import UserError
from tests.sim2real.bench.test_bench import begin, run_quietly

BENCH: dict[str, Any] = {
    "name": "grown",
    "environments": ["small.yaml"],
    "targets": ["heavy"],
    "methods": ["scratch", "frozen_encoder"],
    "seeds": [0],
}


def write(folder: Path, run: dict[str, Any] | None = None, **changes: Any) -> Path:
    (folder / "small.yaml").write_text(yaml.safe_dump(small_content(**run or {})))
    file = folder / "bench.yaml"
    file.write_text(yaml.safe_dump(BENCH | changes))
    return file


def stamps(out: Path) -> dict[str, int]:
    """When each file of each run was written, ns."""
    files = (file for kind in ("source", "transfer") for file in (out / kind).rglob("*") if file.is_file())
    return {str(file): file.stat().st_mtime_ns for file in files if not file.name.startswith(".")}


def test_a_finished_bench_grows_by_a_seed_and_a_method_and_trains_nothing_again(tmp_path: Path) -> None:
    run_quietly(begin(write(tmp_path), out := tmp_path / "out"))
    before = stamps(out)
    grown = begin(write(tmp_path, seeds=[1, 0], methods=["zero_shot", *BENCH["methods"]]), out)
    text = run_quietly(grown)
    assert "[3/8] finished before, skipped" in text
    assert text.count("finished") - 1 == 8 - 3
    assert before.items() <= stamps(out).items()
    results = Bench.open(out).results()
    assert [(r.method, r.seed, r.status) for r in results.records] == [
        (method, seed, "finished") for seed in (1, 0) for method in ("zero_shot", "scratch", "frozen_encoder")
    ]
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [".lock", "bench.resolved.yaml", "leases", "ledger.json", "source", "transfer"]
    )
    assert not list((out / "leases").iterdir())


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A benchmark whose jobs on `heavy` have begun."""
    for job in begin(write(tmp_path), out := tmp_path / "out").jobs:
        (out / job.path).mkdir(parents=True)
        (out / job.path / "ledger.json").write_text("{}")
    return out


def refused(file: Path, out: Path) -> str:
    before = (out / "bench.resolved.yaml").read_bytes()
    with pytest.raises(UserError) as caught:
        begin(file, out)
    assert (out / "bench.resolved.yaml").read_bytes() == before
    return str(caught.value)


def test_runs_that_do_not_belong_to_what_is_asked_are_named_by_key(begun: Path, tmp_path: Path) -> None:
    settings = {"agent": {"num_envs": 16}}
    message = refused(write(tmp_path, overrides=settings), begun)
    assert "agent.num_envs: there 8, asked 16 (3 begun, 0 of them finished: source/small/seed0, transfer/" in message
    message = refused(write(tmp_path, overrides={"budget": {"target_steps": 2048}}), begun)
    assert "budget.target_steps: there 1024, asked 2048 (2 begun" in message  # the source agent is still the same
    assert "source/" not in message
    message = refused(write(tmp_path, {"targets": {"heavy": {"shift": "heavy", "severity": 0.25}}}), begun)
    assert "targets.heavy.severity: there 0.5, asked 0.25 (2 begun" in message
    assert "fixed before anything runs" in refused(write(tmp_path, threshold_fraction=0.75), begun)
    message = refused(write(tmp_path, seeds=[1], methods=["frozen_encoder", "fine_tune", "scratch"]), begun)
    assert "seeds: there 0, asked 1; a benchmark can grow, but not lose 0" in message


def test_a_target_that_is_added_to_a_configuration_changes_no_run_on_another(begun: Path, tmp_path: Path) -> None:
    heavier = {"targets": CONTENT["targets"] | {"heavier": {"shift": "heavy", "severity": 1.0}}}
    grown = begin(write(tmp_path, heavier, targets=["heavier", "heavy", "laggy"]), begun)
    assert {path: "heavier" in job.config["targets"] for job in grown.jobs if (path := job.target or "source")} == {
        "source": False,  # these have the configuration that their runs have
        "heavy": False,
        "heavier": True,
        "laggy": True,
    }
    assert set(grown.results().settings["runs"]["small"]["targets"]) == {"heavy", "heavier"}


def test_jobs_that_have_not_begun_take_what_is_asked(tmp_path: Path) -> None:
    begin(write(tmp_path), out := tmp_path / "out")
    changed = begin(write(tmp_path, overrides={"agent": {"num_envs": 16}}), out)
    assert {job.config["agent"]["num_envs"] for job in changed.jobs} == {16}
    assert Bench.open(out).jobs == changed.jobs
    assert isinstance(changed.config, BenchConfig)
