"""The bars of the default method: cells that meet each, that miss each, and that cannot say."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import pytest
from fabricated_table import SHAPES, Shape, make_table

from sim2real.report.style.wording import explain_no_effect
from sim2real.stats import BARS, Bar, Summary, compute_bars, summarise

DEFAULT = "frozen_encoder"
NAMES = ("zero_shot", "scratch", "oracle", "frozen_encoder", "fine_tune", "actor_only")


@cache
def summary_of(leave_out: str = "", num_seeds: int = 5, **changes: Shape) -> Summary:
    shapes = {name: changes.get(name, SHAPES[name]) for name in NAMES if name != leave_out}
    return summarise(make_table(shapes, envs=("hopper",), targets=("heavy", "worn"), num_seeds=num_seeds))


def bar(name: str, summary: Summary) -> Bar:
    return {bar.name: bar for bar in compute_bars(summary.groups, DEFAULT)}[name]


def test_all_bars_can_be_met_and_every_cell_is_among_their_evidence() -> None:
    summary = summary_of()
    assert [found.name for found in summary.bars] == list(BARS)
    for found in summary.bars:
        assert found.met is True
        assert [(e.env, e.target) for e in found.evidence] == [("hopper", "heavy"), ("hopper", "worn")]
    assert compute_bars(summary.groups, "nobody") == ()


def test_scratch_that_is_better_in_one_cell_breaks_the_first_bar() -> None:
    found = bar("never_beaten", summary_of(frozen_encoder=Shape(0.01, 0.2)))
    assert (found.met, found.figure, found.limit) == (False, pytest.approx(1.0), 0.95)
    assert [e.met for e in found.evidence] == [False, False]
    assert bar("never_beaten", summary_of()).figure < 1e-4


def test_the_first_bar_stays_open_while_a_cell_has_too_few_seeds() -> None:
    found = bar("never_beaten", summary_of(num_seeds=2))
    assert found.met is None
    assert "a verdict needs 3 finished seeds" in found.evidence[0].reason


@pytest.mark.parametrize("name", ["near_oracle", "small_dip", "warm_up_pays"])
def test_no_bar_is_judged_on_fewer_than_three_seeds(name: str) -> None:
    found = bar(name, summary_of(num_seeds=2))
    assert found.met is None
    assert all("has 2 finished seeds here, 3 are needed" in evidence.reason for evidence in found.evidence)


def test_bars_stay_open_while_a_cell_lacks_runs() -> None:
    """One target whole, of the other only some methods."""
    whole = make_table({name: SHAPES[name] for name in NAMES}, envs=("hopper",), targets=("heavy", "worn"))
    part = tuple(r for r in whole.records if r.target == "heavy" or r.method not in ("fine_tune", "actor_only"))
    groups = summarise(replace(whole, records=part)).groups
    bars = {found.name: found for found in compute_bars(groups, DEFAULT)}
    assert {name: bars[name].met for name in ("small_dip", "warm_up_pays")} == {"small_dip": None, "warm_up_pays": None}
    assert bars["small_dip"].evidence[1].reason == "the grid has no fine_tune"


def test_one_seed_is_not_seeds() -> None:
    one = summary_of(num_seeds=1)
    assert bar("warm_up_pays", one).reason == f"{DEFAULT} has 1 finished seed here, 3 are needed"


def test_nothing_is_met_where_the_source_agents_learnt_nothing() -> None:
    """What they carry over cannot have helped; a method that scratch beats is beaten all the same."""
    whole = make_table({name: SHAPES[name] for name in NAMES}, envs=("hopper",), targets=("heavy", "worn"))
    records = tuple(replace(r, source_return_before=r.source_return_before and 1.0) for r in whole.records)
    summary = summarise(replace(whole, records=records))
    assert {found.name: found.met for found in summary.bars} == dict.fromkeys(
        ("never_beaten", "near_oracle", "small_dip", "warm_up_pays")
    )
    reason = "the source agents learnt nothing: they reach 1 on the source, an untrained agent "
    assert bar("never_beaten", summary).evidence[0].reason.startswith(reason)
    assert explain_no_effect(summary, "hopper").startswith(
        f"No effect as a share of the span, for there is none: {reason}"
    )
    worse = [replace(r, returns=0.1 * r.returns) if r.method == DEFAULT else r for r in records]
    assert bar("never_beaten", summarise(replace(whole, records=tuple(worse)))).met is False


def test_near_oracle_counts_cells_whose_median_run_gets_there_within_a_tenth_of_its_steps() -> None:
    met = bar("near_oracle", summary_of())
    assert (met.met, met.figure) == (True, 1.0)
    for evidence, group in zip(met.evidence, summary_of().groups, strict=True):
        times = group.cells[DEFAULT].oracle_times
        assert times is not None
        share = evidence.figures["share of the oracle's steps"]
        assert share == pytest.approx(times.median.point / 1_024_000)
        assert share <= 0.1
        assert (evidence.figures["runs there"], evidence.figures["runs that end there"]) == (1.0, 1.0)
    missed = bar("near_oracle", summary_of(frozen_encoder=Shape(0.55, 0.70)))
    assert (missed.met, missed.figure) == (False, 0.0)
    assert math.isinf(missed.evidence[0].figures["share of the oracle's steps"])


def test_near_oracle_is_not_judged_without_one() -> None:
    found = bar("near_oracle", summary_of(leave_out="oracle"))
    assert found.met is None
    assert math.isnan(found.figure)
    assert found.reason.endswith("no cell judged: the grid has no oracle")


def test_a_dip_counts_only_where_the_control_shows_one() -> None:
    assert bar("small_dip", summary_of()).met is True
    deep = Shape(0.55, 0.95, dip=0.4, rise=0.2)
    found = bar("small_dip", summary_of(frozen_encoder=deep))
    assert found.met is False
    assert found.figure > 0.1
    quiet = bar("small_dip", summary_of(frozen_encoder=deep, fine_tune=Shape(0.55, 0.9)))
    assert quiet.met is None
    assert quiet.evidence[0].reason == "fine_tune dips by no more than 10 %"
    assert quiet.evidence[0].figures[DEFAULT] > 0.1  # not judged, and not hidden
    assert bar("small_dip", summary_of(leave_out="fine_tune")).met is None


def test_warm_up_pays_when_it_needs_at_most_one_over_1_3_of_the_steps() -> None:
    met = bar("warm_up_pays", summary_of())
    assert met.met is True
    assert met.low < met.figure < met.high
    figures = met.evidence[0].figures
    assert figures["ratio"] == pytest.approx(figures[DEFAULT] / figures["actor_only"])
    same = bar("warm_up_pays", summary_of(actor_only=SHAPES[DEFAULT]))
    assert same.met is False
    assert same.figure == pytest.approx(1.0, abs=0.1)
    assert same.limit == pytest.approx(1 / 1.3)


def test_bars_say_in_what_a_control_differs_and_blame_nothing_alone() -> None:
    dip, pays = (bar(name, summary_of()) for name in ("small_dip", "warm_up_pays"))
    assert "fine_tune (no warm-up, nothing frozen, full rate)" in dip.wants
    assert dip.reason.endswith(
        "; fine_tune differs from frozen_encoder in three things, no warm-up, nothing frozen and the policy head's "
        "full rate: its dip is not the missing warm-up's alone"
    )
    assert "actor_only (fresh critic, no warm-up)" in pays.wants
    assert pays.reason.endswith(
        "; actor_only differs from frozen_encoder in two things, a fresh critic and no warm-up: the ratio is not the "
        "warm-up's alone"
    )


def test_warm_up_is_not_judged_where_the_control_is_absent_or_needs_no_step() -> None:
    absent = bar("warm_up_pays", summary_of(leave_out="actor_only"))
    assert (absent.met, absent.reason) == (None, "the grid has no actor_only")
    there = Shape(0.95, 0.95)
    at_once = bar("warm_up_pays", summary_of(actor_only=there, frozen_encoder=there))
    assert at_once.met is None
    assert at_once.reason == "actor_only needs no step"


def test_runs_that_never_arrive_draw_the_ratio_towards_one() -> None:
    never = Shape(0.55, 0.7)
    found = bar("warm_up_pays", summary_of(actor_only=never, frozen_encoder=never))
    assert (found.met, math.isnan(found.figure)) == (None, True)
    assert found.reason.startswith(f"no run of {DEFAULT} or actor_only gets there: nothing to compare")
    found = bar("warm_up_pays", summary_of(frozen_encoder=never))
    assert found.met is False
    assert found.figure >= 1.0
