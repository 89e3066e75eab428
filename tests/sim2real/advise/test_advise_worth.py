"""What advice is worth: rank correlations of known tables, and of a small benchmark."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from fabricated_table import SHAPES, make_record
from small_runs import CONTENT, SAC, silent, small_config, small_content

from sim2real.advise import Worth, correlate
from sim2real.advise.worth import CellOf, outcomes_of
from sim2real.bench import Bench, load_bench_config
from sim2real.cli import commands as cli
from sim2real.config.config import RunConfig, validate
from sim2real.errors import UserError
from sim2real.runs.pretraining import pretrain
from sim2real.runs.run import RunDirectory
from sim2real.transfer.transfer import Transfer, transfer

ORDER = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}
TURNED = {name: -value for name, value in ORDER.items()}


def cell(seed: int = 0, target: str = "heavy", env: str = "hopper") -> CellOf:
    return CellOf(env, target, seed)


def carry_out(bench: Bench, leave_out: str) -> None:
    """Do all jobs but those of the method `leave_out` in this process: starting others takes longer than the jobs."""
    for job in bench.jobs:
        if job.method == leave_out:
            continue
        config, out = validate(RunConfig, job.config, job.name), bench.path / job.path
        assert isinstance(config, RunConfig)
        out.parent.mkdir(parents=True, exist_ok=True)
        if job.target is None or job.method is None:
            pretrain(config, out, resume=False, num_threads=1, report=silent)
            continue
        source = RunDirectory.open(bench.path / job.source) if job.source is not None else None
        carried = Transfer(config, source, job.target, job.method)
        transfer(carried, out, resume=False, num_threads=1, report=silent, show_plan=lambda rows: None)


def worth(scores: dict[CellOf, dict[str, float]], outcomes: dict[CellOf, dict[str, float]]) -> Worth:
    return correlate(scores, outcomes, np.random.default_rng(0))


def test_perfect_and_reversed_orders() -> None:
    outcomes = {cell(s): {k: v**3 - 100 for k, v in ORDER.items()} for s in range(3)}
    good = worth(dict.fromkeys(outcomes, ORDER), outcomes)
    assert good.cells == pytest.approx(dict.fromkeys(outcomes, 1.0))
    assert (good.mean.point, good.first_best, good.regret) == pytest.approx((1.0, 1.0, 0.0))
    assert good.fixed == pytest.approx(1.0)
    bad = worth(dict.fromkeys(outcomes, TURNED), outcomes)
    assert (bad.mean.point, bad.first_best, bad.regret) == pytest.approx((-1.0, 0.0, 1.0))
    shared = worth({key: {**ORDER, "c": 4.0} for key in outcomes}, outcomes)
    assert (shared.first_best, shared.regret) == pytest.approx((0.5, 37 / 63 / 2))  # one of the two is the best
    assert bad.fixed == pytest.approx(1.0)  # it does not look at the scores


def test_a_known_correlation_and_its_interval_over_seeds() -> None:
    said = {cell(0): ORDER, cell(1): {**ORDER, "c": 4.0, "d": 3.0}}
    found = worth(said, dict.fromkeys(said, ORDER))
    assert found.cells[cell(0)] == pytest.approx(1.0)
    assert found.cells[cell(1)] == pytest.approx(1 - 6 * 2 / (4 * 15))  # 1 - 6 sum d^2 / (n (n^2 - 1))
    assert found.mean.point == pytest.approx(0.9)
    assert -1.0 <= found.mean.low <= 0.9 <= found.mean.high <= 1.0
    assert found.mean.num_runs == 2
    assert found.regret == pytest.approx((0 + 1 / 3) / 2)


def test_cells_that_say_nothing_are_left_out_and_equal_scores_count_as_none() -> None:
    outcomes = {cell(0): ORDER, cell(1): dict.fromkeys(ORDER, 5.0), cell(2): {"a": 1.0, "b": 2.0}, cell(3): ORDER}
    scores = {**dict.fromkeys(outcomes, ORDER), cell(3): dict.fromkeys(ORDER, 0.0), cell(9): ORDER}
    found = worth(scores, outcomes)
    assert found.cells == pytest.approx({cell(0): 1.0, cell(3): 0.0})
    assert found.regret == pytest.approx((0 + 0.5) / 2)  # any of all methods: half of the span on average
    with pytest.raises(UserError, match="no cell"):
        worth({cell(2): ORDER}, {cell(2): {"a": 1.0, "b": 2.0}})


def test_a_fixed_order_is_worth_what_it_foretells_of_other_targets() -> None:
    outcomes = {cell(0, "heavy"): ORDER, cell(0, "weak"): TURNED}
    found = worth(outcomes, outcomes)
    assert found.mean.point == pytest.approx(1.0)
    assert found.fixed == pytest.approx(-1.0)
    assert np.isnan(found.elsewhere)  # one environment
    both = {**outcomes, cell(0, "heavy", "ant"): ORDER, cell(0, "weak", "ant"): {**ORDER, "a": 9.0}}
    # in ant a, b, c, d have the mean ranks 2.5, 1.5, 2.5, 3.5; in hopper they are all the same, which orders nothing
    assert worth(both, both).elsewhere == pytest.approx((0.0 + 0.0 + 0.632456 - 0.632456) / 4, abs=1e-5)
    assert found.to_mapping()["mean"]["low"] is None  # one seed: its spread is unknown
    assert json.dumps(found.to_mapping(), allow_nan=False)


def test_yardsticks_and_other_agents_change_no_number() -> None:
    plain = ("zero_shot", "scratch", "frozen_encoder", "fine_tune")
    keys = [(target, seed) for target in ("heavy", "worn") for seed in range(3)]
    records = {m: [make_record("hopper", t, m, s, SHAPES[m]) for t, s in keys] for m in (*plain, "oracle", "rma")}
    configs = {("hopper", seed): small_config(seed=seed) for seed in range(3)}
    without = outcomes_of([record for m in plain for record in records[m]], configs)
    with_all = outcomes_of([record for own in records.values() for record in own], configs)
    assert with_all == without
    assert {name for came in without.values() for name in came} == set(plain)
    last = records["fine_tune"][0].returns[-2:]  # 2 of 10 points: the last fifth
    assert without[cell(0)]["fine_tune"] == pytest.approx(last.mean(), rel=0.01)
    scores = {key: {"zero_shot": 0.0, "scratch": -3.0, "frozen_encoder": 1.0, "fine_tune": 0.5} for key in without}
    assert worth(scores, with_all).to_mapping() == worth(scores, without).to_mapping()
    assert worth(scores, with_all).mean.point > 0.9
    # were they counted, the numbers would be others
    spoilt = {key: {**came, "oracle": 1e4, "rma": 2e4} for key, came in without.items()}
    judged = {key: {**said, "oracle": -3.0, "rma": -4.0} for key, said in scores.items()}
    assert worth(judged, spoilt).mean.point < 0.5


def test_what_counts_hangs_on_the_source_agent() -> None:
    settings = CONTENT["agent"]["settings"]
    teacher = small_config(agent={**CONTENT["agent"], "settings": {**settings, "encoder": {"kind": "rma"}}})
    kinds = ("zero_shot", "rma", "oracle", "progressive")
    records = [make_record("hopper", "heavy", method, 0, SHAPES[method]) for method in kinds]
    for config, counted in (
        (small_config(), {"zero_shot", "progressive"}),
        (teacher, {"zero_shot", "progressive", "rma"}),
        (small_config(**SAC), {"zero_shot"}),
    ):
        assert set(outcomes_of(records, {("hopper", 0): config})[cell(0)]) == counted


@pytest.mark.thorough
def test_a_benchmark_is_advised_on_and_left_as_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(small_content()))
    methods = ["zero_shot", "scratch", "frozen_encoder"]
    grid = {"name": "small", "environments": ["small.yaml"], "targets": ["heavy"], "seeds": [0]}
    grid["methods"] = [*methods, "oracle", "rma"]  # not advised on: a yardstick, and one of another source
    (tmp_path / "bench.yaml").write_text(yaml.safe_dump(grid))
    bench = Bench.begin(tmp_path / "out", load_bench_config(tmp_path / "bench.yaml"), tmp_path)
    carry_out(bench, leave_out="rma")  # its teacher is there, beside the agent that is advised on
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}

    file = tmp_path / "worth.json"
    line = ["advise-worth", tmp_path / "out", "--steps", 500, "--threads", 1, "--json", file]
    monkeypatch.setattr("sys.argv", ["sim2real", *map(str, line)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    assert "rank correlation" in capsys.readouterr().out
    content = json.loads(file.read_text())
    assert [(row["env"], row["target"], row["seed"]) for row in content["cells"]] == [
        ("small", "heavy", 0),
    ]
    assert content["mean"]["num_runs"] == 1
    for row in content["advised"]:
        assert set(row["outcomes"]) == set(methods)
        assert set(methods) <= set(row["scores"])
        assert not {"oracle", "rma"} & set(row["scores"])
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}
