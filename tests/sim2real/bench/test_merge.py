"""A grid that several machines share: each runs an environment, one report is made of all."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from small_runs import small_content
from typer.testing import CliRunner

from envs import EnvsError
from sim2real.bench import merge_results, read_results
from sim2real.cli.commands import app
from sim2real.errors import UserError
from sim2real.files.locking import working_on
from sim2real.stats.records import BenchResults, RunRecord, to_mapping
from sim2real.stats.results_file import load_results
from tests.sim2real.bench.test_bench import begin, run_quietly

METHODS = ["scratch", "frozen_encoder"]


def record(env: str, method: str, **changes: Any) -> RunRecord:
    values: dict[str, Any] = {
        "env": env,
        "target": "heavy",
        "method": method,
        "seed": 0,
        "status": "finished",
        "error": None,
        "steps": np.array([0, 100]),
        "returns": np.array([1.0, 2.0]),
        "return_sd": np.array([0.1, 0.1]),
        "source_return_before": None if method == "scratch" else 10.0,
        "source_return_after": 9.0,
        "source_steps": 1000,
        "target_steps": 100,
        "eval_steps": 20,
        "episodes": 4,
        "falls": 1,
        "frozen_digest": None,
        "wall_seconds": 1.5,
        "source": None if method == "scratch" else "source",
    }
    return RunRecord(**values | changes)


def missing(env: str, method: str) -> RunRecord:
    nothing = {"steps": np.array([]), "returns": np.array([]), "return_sd": np.array([])}
    return record(env, method, status="missing", target_steps=0, source_return_before=None, **nothing)


def results(*records: RunRecord, **changes: Any) -> BenchResults:
    values: dict[str, Any] = {
        "name": "shared",
        "settings": {"seeds": [0]},
        "versions": {"numpy": "2"},
        "threshold_fraction": 0.5,
        "default_method": "frozen_encoder",
        "created": "2026-01-01T00:00:00+00:00",
    }
    return BenchResults(records=records, **values | changes)


def test_of_every_job_the_record_that_got_furthest_in_the_order_of_the_grid() -> None:
    failed = record("b", "scratch", status="failed", error="fell over")
    one = results(record("a", "scratch"), record("a", "frozen_encoder"), missing("b", "scratch"))
    two = results(
        missing("a", "scratch"), failed, record("b", "frozen_encoder"), versions={"numpy": "3"}, created="2026-02"
    )
    merged = merge_results({"one": one, "two": two})
    assert merged.records == (*one.records[:2], failed, two.records[2])
    assert merged.versions == {"numpy": "2, 3"}
    assert merged.created == "2026-02"
    assert merge_results({"one": one}) == dataclasses.replace(one, settings={"seeds": [0], "runs": {}})


def test_an_environment_is_configured_as_where_it_ran() -> None:
    """A place that did not run it may plan it otherwise; two that did must agree."""
    one = results(record("a", "scratch"), missing("b", "scratch"), settings={"runs": {"a": {"lr": 1}, "b": {"lr": 2}}})
    two = results(record("b", "scratch"), settings={"runs": {"a": {"lr": 3}, "b": {"lr": 4}}})
    assert merge_results({"one": one, "two": two}).settings == {"runs": {"a": {"lr": 1}, "b": {"lr": 4}}}
    other = results(record("a", "frozen_encoder"), settings=two.settings)
    with pytest.raises(UserError, match="one and other: a was run with different configurations"):
        merge_results({"one": one, "other": other})


def test_places_that_contradict_each_other_are_refused_by_name() -> None:
    one = results(record("a", "frozen_encoder"))
    with pytest.raises(UserError, match=r"one and two: not the same grid, settings\.seeds\[0\]: first 0, second 1;"):
        merge_results({"one": one, "two": results(settings={"seeds": [1]})})
    with pytest.raises(UserError, match="one and two: a/heavy/frozen_encoder/seed 0 finished otherwise in each"):
        merge_results({"one": one, "two": results(record("a", "frozen_encoder", falls=2))})
    slower = results(record("a", "frozen_encoder", wall_seconds=9.0, eval_faults=0))
    assert merge_results({"one": one, "two": slower}).records == one.records
    other = results(record("a", "fine_tune", source_return_before=11.0))
    with pytest.raises(UserError, match=r"one and two: source agents of a seed 0 differ \(return 10 and 11\).*--only"):
        merge_results({"one": one, "two": other})
    teacher = results(record("a", "rma", source_return_before=11.0, source="teacher"))
    assert len(merge_results({"one": one, "two": teacher}).records) == 2


@pytest.mark.thorough
def test_machines_share_a_grid_by_environment_and_one_report_is_made_of_it(tmp_path: Path) -> None:
    for name in ("left", "right"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(small_content()))
    content = {"name": "shared", "environments": ["left.yaml", "right.yaml"], "targets": ["heavy"], "methods": METHODS}
    file = tmp_path / "bench.yaml"
    file.write_text(yaml.safe_dump(content | {"seeds": [0]}))
    first, second = begin(file, tmp_path / "first"), begin(file, tmp_path / "second")
    with pytest.raises(EnvsError, match=r"'up'.*left, right"):
        first.run(None, only=["up"])  # type: ignore[arg-type]
    run_quietly(first, only=["left"])
    run_quietly(second, only=["right"])
    assert {r.env: r.status for r in first.results().records} == {"left": "finished", "right": "missing"}
    carried = second.report().json  # as it would be copied from another machine
    runner = CliRunner()
    refused = runner.invoke(app, ["report", str(first.path), str(carried)])
    assert isinstance(refused.exception, UserError)
    assert "--out" in str(refused.exception)
    done = runner.invoke(app, ["report", str(first.path), str(carried), "--out", str(tmp_path / "both")])
    assert done.exit_code == 0, done.output
    merged = load_results(tmp_path / "both" / "results.json")
    assert [(r.env, r.method, r.status) for r in merged.records] == [
        (env, method, "finished") for env in ("left", "right") for method in METHODS
    ]
    assert read_results(carried).records == second.results().records


def test_damaged_results_are_one_message(tmp_path: Path) -> None:
    file, content = tmp_path / "broken.json", to_mapping(results(record("a", "scratch")))

    def refused(text: str, message: str) -> None:
        file.write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=rf"broken\.json: {message}"):
            read_results(file)

    refused("{", "damaged: not valid JSON")
    refused("[" * 100_000, "damaged: not valid JSON")
    refused(json.dumps(content | {"versions": {"torch": None}}), r"versions\.torch: expected text")
    huge = content["records"][0] | {"steps": [0, 10**30]}
    refused(json.dumps(content | {"records": [huge]}), "a number is too large")
    file.write_bytes(b"\xff")
    with pytest.raises(UserError, match=r"broken\.json: not UTF-8 text"):
        read_results(file)


def test_a_grid_is_written_by_one_process_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "left.yaml").write_text(yaml.safe_dump(small_content()))
    file = tmp_path / "bench.yaml"
    file.write_text(
        yaml.safe_dump(
            {"name": "n", "environments": ["left.yaml"], "targets": ["heavy"], "methods": METHODS, "seeds": [0]}
        )
    )
    bench = begin(file, tmp_path / "out")
    monkeypatch.setattr("sim2real.files.locking._PATIENCE", 0.0)
    with working_on(bench.path), pytest.raises(UserError, match=r"another process .*is working on it"):
        begin(file, bench.path)
    (bench.path / "ledger.json").write_text("[1]")
    with pytest.raises(UserError, match=r"ledger\.json: damaged"):
        run_quietly(bench)
