"""Records: what contradicts itself is refused by name, and the disk gives back what it was given."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim2real.stats.records import BenchResults, RunRecord, to_mapping
from sim2real.stats.results_file import load_results, results_from_mapping

RUN = RunRecord(
    env="hopper",
    target="heavy",
    method="frozen_encoder",
    seed=3,
    status="finished",
    error=None,
    steps=np.array([0, 100, 200]),
    returns=np.array([10.0, 20.5, 30.25]),
    return_sd=np.array([1.0, math.nan, 2.0]),
    source_return_before=50.0,
    source_return_after=45.0,
    source_steps=1000,
    target_steps=200,
    eval_steps=300,
    episodes=7,
    falls=2,
    frozen_digest="abc",
    wall_seconds=1.5,
)


def make_results(*records: RunRecord) -> BenchResults:
    return BenchResults(
        "demo", records, {"seeds": 2}, {"numpy": "2"}, 0.8, "frozen_encoder", "2026-01-01T00:00:00+00:00"
    )


def test_disk_gives_back_the_same_results(tmp_path: Path) -> None:
    empty = replace(
        RUN,
        seed=4,
        status="failed",
        error="it broke",
        steps=[],
        returns=[],
        return_sd=[],
        source_return_after=None,
    )
    results = make_results(RUN, empty)
    text = json.dumps(to_mapping(results), allow_nan=False)
    path = tmp_path / "results.json"
    path.write_text(text, encoding="utf-8")
    back = load_results(path)
    assert back == results
    assert np.isnan(back.records[0].return_sd[1])
    np.testing.assert_array_equal(back.records[0].returns, [10.0, 20.5, 30.25])
    assert back.records[0].steps.dtype == np.int64


def test_nan_and_infinity_become_null() -> None:
    assert to_mapping({"a": math.nan, "b": [math.inf, np.float64(2.0)], "c": np.int64(3)}) == {
        "a": None,
        "b": [None, 2.0],
        "c": 3,
    }


def test_faults_of_records_from_before_they_were_counted_are_unknown() -> None:
    mapping = to_mapping(make_results(replace(RUN, eval_faults=2)))
    assert results_from_mapping(mapping).records[0].eval_faults == 2
    del mapping["records"][0]["eval_faults"]
    assert results_from_mapping(mapping).records[0].eval_faults is None


def test_curves_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        RUN.returns[0] = 1.0


def test_a_record_does_not_follow_the_callers_array() -> None:
    returns = np.array([1.0, 2.0, 3.0])
    record = replace(RUN, returns=returns)
    returns[0] = 99.0
    assert record.returns[0] == 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "done"}, "status is 'done', must be one of finished, failed, missing"),
        ({"returns": np.zeros(2)}, "must share one shape"),
        ({"steps": np.array([1, 2, 3])}, "must start at 0 and rise"),
        ({"steps": np.array([0, 2, 2])}, "must start at 0 and rise"),
        ({"returns": np.array([0.0, math.nan, 1.0])}, "must be finite"),
        ({"target_steps": 199}, "last evaluation at step 200, but target_steps is 199"),
        ({"falls": -1}, "falls is -1, must not be negative"),
        ({"eval_faults": -1}, "eval_faults is -1, must not be negative"),
    ],
)
def test_contradictions_are_refused_by_name(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"hopper/heavy/frozen_encoder/seed 3: .*{message}"):
        replace(RUN, **changes)


def test_a_job_occurs_once_and_the_threshold_is_a_share() -> None:
    with pytest.raises(ValueError, match="hopper/heavy/frozen_encoder/seed 3 occurs twice"):
        make_results(RUN, RUN)
    with pytest.raises(ValueError, match=r"threshold_fraction is 1\.2, must be in \(0, 1\]"):
        replace(make_results(RUN), threshold_fraction=1.2)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("seed", "3", r"records\[0\]: seed: expected a whole number, got '3'"),
        ("seed", True, r"records\[0\]: seed: expected a whole number, got True"),
        ("steps", [0, 1.5, 2], r"records\[0\]: steps\[1\]: expected a whole number, got 1.5"),
        ("returns", [0, "x", 2], r"records\[0\]: returns\[1\]: expected a number, got 'x'"),
        ("env", None, r"records\[0\]: env: expected text, got None"),
        ("steps", 7, r"records\[0\]: steps: expected a list, got 7"),
        ("returns", [0, None, 1], "returns of a finished run must be finite"),
    ],
)
def test_wrong_kinds_are_named_with_file_and_key(key: str, value: object, message: str) -> None:
    mapping = to_mapping(make_results(RUN))
    mapping["records"][0][key] = value
    with pytest.raises(ValueError, match=f"some.json: .*{message}"):
        results_from_mapping(mapping, where="some.json")


def test_missing_and_unknown_keys_and_no_json_are_named(tmp_path: Path) -> None:
    mapping = to_mapping(make_results(RUN))
    del mapping["records"][0]["falls"]
    mapping["records"][0]["fals"] = 1
    with pytest.raises(ValueError, match=r"records\[0\]: .*missing \['falls'\], unknown \['fals'\]"):
        results_from_mapping(mapping)
    path = tmp_path / "broken.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"broken\.json: damaged: not valid JSON"):
        load_results(path)
