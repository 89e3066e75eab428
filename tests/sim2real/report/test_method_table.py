"""The method table: columns, order and oracle on records whose answer is known, and the report of a whole grid."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fabricated_table import BUDGET, ENVS, SHAPES, SOURCE_STEPS, TARGETS, Shape, make_record, make_table

from sim2real.report import make_page, write_report
from sim2real.stats import QUANTITIES, Summary, iqm, rank_methods, share_of_span, summarise
from sim2real.stats.method_table import COLUMNS
from sim2real.stats.records import BenchResults, RunRecord

FEW = {name: SHAPES[name] for name in ("zero_shot", "scratch", "oracle", "frozen_encoder", "fine_tune", "actor_only")}


@pytest.fixture(scope="module")
def results() -> BenchResults:
    return make_table(FEW)


@pytest.fixture(scope="module")
def summary(results: BenchResults) -> Summary:
    return summarise(results)


def test_columns_are_interquartile_means_of_shares_over_all_runs(summary: Summary) -> None:
    assert summary.table is not None
    rows = {row.method: row for row in summary.table.rows}
    assert set(COLUMNS) <= QUANTITIES.keys()
    for method, row in rows.items():
        scores, ends, jumps, steps = [], [], [], []
        for group in summary.groups:
            frame, runs = group.frame, group.cells[method].per_run
            scores.append((runs["area_under_curve"] - frame.floor) / (frame.source_return - frame.floor))
            ends.append(share_of_span(runs["asymptotic_return"], frame.floor, frame.source_return))
            steps.append(np.minimum(runs["steps_to_oracle"], BUDGET) / BUDGET)
            jumps.append(runs.get("jumpstart", np.array([])) / frame.span)
        for name, values in (("score", scores), ("asymptotic_return", ends), ("steps_to_oracle", steps)):
            assert row.quantities[name].point == pytest.approx(float(iqm(np.concatenate(values)))), (method, name)
        if method != "scratch":
            assert row.quantities["jumpstart"].point == pytest.approx(float(iqm(np.concatenate(jumps))))
        assert row.quantities["score"].num_runs == 5 * len(ENVS)  # seeds, each once per environment
        assert row.num_runs == 45
    assert "jumpstart" not in rows["scratch"].quantities
    assert rows["fine_tune"].num_ahead == 45
    assert rows["scratch"].num_ahead == 0


def test_rows_and_cells_stand_in_order_of_effect_and_the_oracle_is_none_of_them(summary: Summary) -> None:
    assert summary.table is not None
    methods = [row.method for row in summary.table.rows]
    points = [row.quantities["score"].point for row in summary.table.rows]
    assert points == sorted(points, reverse=True)
    assert methods[0] == "frozen_encoder"
    assert methods[-1] == "scratch"
    assert "oracle" not in (*methods, *summary.methods, *summary.ranked("hopper"))
    assert summary.table.oracle is not None
    assert summary.table.oracle.point == pytest.approx(0.89, abs=0.02)
    assert all("oracle" not in group.cells for group in summary.groups)
    assert rank_methods(summary.groups, ["nobody", "scratch"]) == ("scratch", "nobody")


def test_tables_of_environments_are_those_of_their_runs_alone(results: BenchResults, summary: Summary) -> None:
    alone = summarise(replace(results, records=tuple(r for r in results.records if r.env == "walker2d")))
    assert summary.env_tables["walker2d"] == alone.env_tables["walker2d"]
    assert set(summary.env_tables) == set(ENVS)
    assert summary.env_tables["hopper"].num_targets == 3


def test_steps_to_oracle_are_the_first_crossing_and_end_at_the_budget(summary: Summary) -> None:
    for group in summary.groups:
        frame = group.frame
        assert group.oracle is not None
        assert frame.oracle_level == pytest.approx(frame.floor + 0.95 * (frame.oracle_return - frame.floor))
        assert frame.oracle_steps == SOURCE_STEPS == 10 * frame.budget
        for cell in group.cells.values():
            assert cell.oracle_times is not None
            for run, time in zip(cell.curves.returns, cell.oracle_times.times, strict=True):
                if math.isinf(time):
                    assert run.max() < frame.oracle_level
                else:
                    assert np.interp(time, cell.curves.steps, run) == pytest.approx(frame.oracle_level)
    arrived = summary.groups[0].cells["zero_shot"].oracle_times
    assert arrived is not None
    assert (arrived.num_censored, arrived.restricted_iqm.point) == (5, BUDGET)


def test_the_oracle_moves_no_number_of_the_others(results: BenchResults, summary: Summary) -> None:
    without = summarise(replace(results, records=tuple(r for r in results.records if r.method != "oracle")))
    for own, other in zip(summary.groups, without.groups, strict=True):
        assert other.oracle is None
        assert other.no_oracle == "the grid has no oracle"
        for method, cell in own.cells.items():
            same = other.cells[method]
            kept = {name: found for name, found in cell.quantities.items() if name != "share_of_oracle"}
            assert same.quantities == kept
            assert same.verdict == cell.verdict
            np.testing.assert_array_equal(same.curves.steps, cell.curves.steps)
            assert same.curves.steps[-1] == BUDGET


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"oracle": Shape(0.01, 0.005)}, "the oracle does not end above the floor"),
        ({"scratch": None}, "no finished run of scratch, so no floor"),
    ],
)
def test_why_nothing_is_measured_against_the_oracle_is_said(change: dict[str, Shape | None], reason: str) -> None:
    shapes = {name: shape for name, shape in {**FEW, **change}.items() if shape is not None}
    results = make_table(shapes, envs=("hopper",), targets=("heavy",), num_seeds=3)
    summary = summarise(results)
    (group,) = summary.groups
    assert group.no_oracle == reason
    assert all(cell.oracle_times is None for cell in group.cells.values())
    assert reason in make_page(results, summary)


def test_an_oracle_without_a_finished_run_is_a_reason_too() -> None:
    table = make_table(FEW, envs=("hopper",), targets=("heavy",), num_seeds=3)
    records = [replace(r, status="missing") if r.method == "oracle" else r for r in table.records]
    summary = summarise(replace(table, records=tuple(records)))
    assert summary.groups[0].no_oracle == "no finished run of the oracle"
    assert len([p for p in summary.problems if p.method == "oracle"]) == 3


def test_a_longer_run_of_a_method_is_left_out_and_listed_never_cut_at_the_budget(tmp_path: Path) -> None:
    table = make_table(FEW, envs=("hopper",), targets=("heavy",))

    def stretched(record: RunRecord) -> RunRecord:
        return replace(record, steps=record.steps * 10, target_steps=record.target_steps * 10)

    records = [stretched(r) if (r.method, r.seed) == ("fine_tune", 2) else r for r in table.records]
    results = replace(table, records=tuple(records))
    (group,) = summarise(results).groups
    cell = group.cells["fine_tune"]
    assert (cell.num_runs, cell.num_long, cell.num_short) == (4, 1, 0)
    (problem,) = summarise(results).problems
    assert (problem.method, problem.seed, problem.status) == ("fine_tune", 2, "long")
    page = write_report(results, tmp_path).html.read_text(encoding="utf-8")
    assert "went on to step 1024000, after the budget of its target" in page
    assert "4 of 5" in page


def test_a_dip_that_no_run_has_gets_no_interval(summary: Summary) -> None:
    assert summary.table is not None
    still = next(row for row in summary.table.rows if row.method == "zero_shot")
    assert (still.quantities["dip_depth"].point, still.quantities["dip_depth"].known) == (0.0, False)


def test_a_method_that_hurts_is_counted_by_target() -> None:
    shapes = {**FEW, "fine_tune": Shape(0.0, 0.1)}
    summary = summarise(make_table(shapes, envs=("hopper",)))
    assert summary.table is not None
    row = next(row for row in summary.table.rows if row.method == "fine_tune")
    assert (row.num_negative, row.num_judged, row.worst) == (3, 3, pytest.approx(1.0))


def test_the_files_hold_table_oracle_and_bars(results: BenchResults, tmp_path: Path) -> None:
    paths = write_report(results, tmp_path)
    content = json.loads(paths.json.read_text(encoding="utf-8"))["summary"]
    assert content["method_table"]["rows"][0]["method"] == "frozen_encoder"
    assert set(content["method_tables"]) == set(ENVS)
    assert {bar["name"]: bar["met"] for bar in content["bars"]} == dict.fromkeys(
        ("never_beaten", "near_oracle", "small_dip", "warm_up_pays"), True
    )
    assert content["targets"][0]["oracle"]["steps"] == SOURCE_STEPS
    rows = list(csv.DictReader(io.StringIO(paths.csv.read_text(encoding="utf-8"))))
    (whole,) = (r for r in rows if (r["env"], r["method"], r["quantity"]) == ("*", "fine_tune", "score"))
    assert (whole["target"], whole["num_runs"]) == ("*", "15")
    oracles = [r for r in rows if r["method"] == "oracle"]
    assert {(r["env"], r["target"]) for r in oracles} == {(e, t) for e in ENVS for t in TARGETS}
    assert {r["budget"] for r in oracles} == {str(SOURCE_STEPS)}
    text = paths.markdown.read_text(encoding="utf-8")
    for heading in (
        "## What the default method is held to",
        "## All targets",
        "## walker2d",
        "### All targets of hopper",
    ):
        assert heading in text
    page = paths.html.read_text(encoding="utf-8")
    assert re.findall(r'id="environment-\d"', page) == [f'id="environment-{i}"' for i in (1, 2, 3)]
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert "oracle, 10 x the steps: " in page
    assert "\N{BLACK UP-POINTING TRIANGLE} met" in page


def test_many_methods_get_an_axes_each_and_their_page_stays_small(tmp_path: Path) -> None:
    results = make_table(envs=("hopper",), targets=("heavy",))
    paths = write_report(results, tmp_path)
    page = paths.html.read_text(encoding="utf-8")
    curves = re.search(r"<svg[^>]*>(?:(?!</svg>).)*curve0-axes_16.*?</svg>", page, flags=re.DOTALL)
    assert curves is not None  # sixteen methods, the oracle is a line in each
    assert "curve0-axes_17" not in page
    assert "The same quantities as pictures" in page
    # nine such targets stay far below 20 MB
    assert paths.json.stat().st_size < 1_000_000
    assert paths.html.stat().st_size < 1_000_000


def test_one_target_has_no_table_over_targets() -> None:
    results = make_table(FEW, envs=("hopper",), targets=("heavy",), num_seeds=3)
    summary = summarise(results)
    assert summary.table is None
    assert not summary.env_tables
    assert len(summary.bars) == 4
    assert make_record("hopper", "heavy", "oracle", 0, SHAPES["oracle"]).steps[-1] == SOURCE_STEPS
