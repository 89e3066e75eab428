"""Summary, verdicts and the files of the report on results whose answer is known."""

import csv
import html
import io
import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim2real.report import make_page, write_report
from sim2real.report.style.numbers import MISSING, between, compute_decimals, number, percent, short_steps, tick_number
from sim2real.report.view import make_budgets
from sim2real.stats import Group, Interval, Summary, Word, censored_interval, summarise
from sim2real.stats.records import BenchResults, RunRecord, Status
from sim2real.stats.results_file import load_results
from sim2real.stats.verdicts import compute_headline

STEPS = np.array([0, 250, 500, 750, 1000])
Curve = Callable[[int], np.ndarray]
SCRATCH: Curve = lambda seed: np.array([0.0, 5.0, 10.0, 30.0, 50.0]) + seed  # noqa: E731
GOOD: Curve = lambda seed: np.array([60.0, 75.0, 85.0, 90.0, 95.0]) + seed  # noqa: E731
BAD: Curve = lambda seed: np.array([-30.0, -30.0, -25.0, -20.0, -15.0]) - seed  # noqa: E731
EVEN: Curve = lambda seed: SCRATCH(seed) + 10.0 * (-1.0) ** seed  # noqa: E731


def make_record(
    method: str,
    seed: int,
    curve: Curve,
    *,
    env: str = "hopper",
    target: str = "heavy",
    status: Status = "finished",
    error: str | None = None,
) -> RunRecord:
    ran = status == "finished"
    returns = curve(seed) if ran else np.array([])
    steps = STEPS[: returns.size]
    source = method != "scratch"
    return RunRecord(
        env=env,
        target=target,
        method=method,
        seed=seed,
        status=status,
        error=error,
        steps=steps,
        returns=returns,
        return_sd=np.zeros_like(returns),
        source_return_before=100.0 if source else None,
        source_return_after=80.0 if source and ran else None,
        source_steps=5000 if source else 0,
        target_steps=int(steps[-1]) if ran else 0,
        eval_steps=40,
        episodes=10,
        falls=3,
        frozen_digest=None,
        wall_seconds=2.0,
    )


def arm(method: str, curve: Curve, num_seeds: int = 4, **kwargs: str) -> list[RunRecord]:
    return [make_record(method, seed, curve, **kwargs) for seed in range(num_seeds)]  # type: ignore[arg-type]


def make_results(*records: RunRecord) -> BenchResults:
    return BenchResults(
        name="demo <script>",
        records=records,
        settings={"agent": {"rate": 3e-4}, "targets": ["heavy", "ice"]},
        versions={"numpy": "2.4"},
        threshold_fraction=0.8,
        default_method="frozen_encoder",
        created="2026-01-01T00:00:00+00:00",
    )


def compare(curve: Curve, num_seeds: int = 4) -> BenchResults:
    return make_results(*arm("scratch", SCRATCH, num_seeds), *arm("frozen_encoder", curve, num_seeds))


def only(summary: Summary) -> Group:
    (group,) = summary.groups
    return group


def test_quantities_of_a_known_transfer() -> None:
    group = only(summarise(compare(GOOD)))
    frame, cell = group.frame, group.cells["frozen_encoder"]
    points = {name: found.point for name, found in cell.quantities.items()}
    # seeds add 0..3, mean 1.5
    assert (frame.budget, frame.floor, frame.source_return) == (1000, 1.5, 100.0)
    assert frame.threshold == pytest.approx(1.5 + 0.8 * 98.5)
    assert points["initial_return"] == pytest.approx(61.5)
    assert points["jumpstart"] == pytest.approx(60.0)
    scratch_area = (2.5 + 7.5 + 20.0 + 40.0) / 4
    area = (67.5 + 80.0 + 87.5 + 92.5) / 4
    assert points["auc_difference"] == pytest.approx(area - scratch_area)
    assert points["effect"] == pytest.approx((area - scratch_area) / 98.5)
    assert points["transfer_ratio"] == pytest.approx((area - scratch_area) / (scratch_area + 1.5))
    assert points["retention"] == pytest.approx(0.8)
    assert points["dip_depth"] == 0.0
    assert not cell.quantities["dip_depth"].known  # four runs without a dip are no proof that there is none
    assert points["probability_of_improvement"] == 1.0
    assert cell.times is not None
    assert cell.times.num_censored == 0
    scratch_times = group.cells["scratch"].times
    assert scratch_times is not None
    assert scratch_times.num_censored == 4
    assert "jumpstart" not in group.cells["scratch"].quantities
    assert group.cells["scratch"].verdict is None


@pytest.mark.parametrize(("curve", "word"), [(GOOD, Word.POSITIVE), (BAD, Word.NEGATIVE), (EVEN, Word.INCONCLUSIVE)])
def test_verdict_follows_the_interval_of_the_difference(curve: Curve, word: Word) -> None:
    cell = only(summarise(compare(curve))).cells["frozen_encoder"]
    assert cell.verdict is not None
    assert cell.verdict.word is word
    assert cell.verdict.num_runs == 4


def test_headline_asks_for_intervals_that_do_not_touch() -> None:
    good, bad = only(summarise(compare(GOOD))).headline, only(summarise(compare(BAD))).headline
    assert (good.jumpstart, good.time_to_threshold) == (True, True)
    assert (bad.jumpstart, bad.time_to_threshold) == (False, False)
    few = only(summarise(compare(GOOD, 2))).headline
    assert (few.jumpstart, few.time_to_threshold) == (None, None)


@pytest.mark.parametrize(("num_runs", "faster"), [(3, None), (4, True)])  # apart by chance: 1/10, 1/35
def test_times_that_are_all_equal_need_the_runs_of_a_rank_test(num_runs: int, faster: bool | None) -> None:
    rng = np.random.default_rng(0)
    at_once, never = (censored_interval(np.full(num_runs, time), 1000.0, rng) for time in (0.0, np.inf))
    assert compute_headline(None, None, at_once, never).time_to_threshold is faster
    spread = censored_interval(np.arange(num_runs) + 500.0, 1000.0, rng)
    assert compute_headline(None, None, spread, never).time_to_threshold is faster


@pytest.mark.parametrize("num_seeds", [1, 2])
def test_fewer_than_three_seeds_get_no_verdict_and_the_page_says_so(num_seeds: int) -> None:
    results = compare(GOOD, num_seeds)
    summary = summarise(results)
    verdict = only(summary).cells["frozen_encoder"].verdict
    assert verdict is not None
    assert (verdict.word, verdict.num_runs) == (Word.TOO_FEW, num_seeds)
    page = make_page(results, summary)
    assert "TOO FEW SEEDS" in page
    assert "POSITIVE TRANSFER" not in page
    assert "<strong>Too few seeds.</strong>" in page


def test_positive_and_negative_cards_differ_in_colour_and_words_alone() -> None:
    def card(curve: Curve) -> str:
        results = compare(curve)
        page = make_page(results, summarise(results))
        (found,) = re.findall(r'<article class="card.*?</article>', page, flags=re.DOTALL)
        return found

    good, bad = card(GOOD), card(BAD)
    assert 'class="card positive"' in good
    assert "POSITIVE TRANSFER" in good
    assert 'class="card negative"' in bad
    assert "NEGATIVE TRANSFER" in bad

    def shape(text: str) -> list[str]:
        return re.findall(r"<(\w+)", text)

    assert shape(good) == shape(bad)


def test_failed_missing_and_short_runs_are_counted_and_listed() -> None:
    error = "RuntimeError: a <b>bad</b> | thing"
    results = make_results(
        *arm("scratch", SCRATCH),
        *arm("frozen_encoder", GOOD, 3),
        make_record("frozen_encoder", 3, GOOD, status="failed", error=error),
        make_record("frozen_encoder", 4, GOOD, status="missing"),
        make_record("frozen_encoder", 5, lambda seed: GOOD(seed)[:3]),
    )
    summary = summarise(results)
    cell = only(summary).cells["frozen_encoder"]
    assert (cell.num_runs, cell.num_failed, cell.num_missing, cell.num_short) == (3, 1, 1, 1)
    assert [(p.seed, p.status) for p in summary.problems] == [(3, "failed"), (4, "missing"), (5, "short")]
    page = make_page(results, summary)
    assert html.escape(error) in page
    assert error not in page
    assert "3 of 6" in page
    assert "ended at step 500, before the budget of its target" in page


def test_diverged_evaluations_are_counted_and_said(tmp_path: Path) -> None:
    sound, broken = compare(GOOD), compare(GOOD).records
    assert "diverged." not in make_page(sound, summarise(sound))
    results = make_results(replace(broken[0], eval_faults=2), replace(broken[1], eval_faults=0), *broken[2:])
    summary = summarise(results)
    assert summary.eval_faults == 2
    assert "In 2 evaluation episodes the simulation diverged." in make_page(results, summary)
    assert "In 2 evaluation episodes" in write_report(results, tmp_path).markdown.read_text(encoding="utf-8")
    known = make_results(*(replace(record, eval_faults=1) for record in broken))
    assert summarise(known).eval_faults == len(broken)
    rows = dict(make_budgets(summary).rows)
    place = make_budgets(summary).columns.index("Diverged in evaluation")
    assert rows["hopper \N{RIGHTWARDS ARROW} heavy, scratch"][place].text == MISSING  # two of its runs do not say
    assert make_budgets(summarise(known)).rows[-1][1][place].text == str(len(broken))


def test_names_in_the_page_are_escaped() -> None:
    results = compare(GOOD)
    page = make_page(results, summarise(results))
    assert "<script" not in page
    assert "demo &lt;script&gt;" in page


def test_nothing_finished_still_renders_and_says_so(tmp_path: Path) -> None:
    records = [make_record(m, s, GOOD, status="missing") for m in ("scratch", "frozen_encoder") for s in range(3)]
    page = write_report(make_results(*records), tmp_path).html.read_text(encoding="utf-8")
    assert "No run has finished yet (6 planned)" in page
    assert "NO DATA" in page
    assert "there is no curve to draw" in page


def test_no_jobs_and_no_scratch_still_render(tmp_path: Path) -> None:
    write_report(make_results(), tmp_path / "empty")
    results = make_results(*arm("frozen_encoder", GOOD))
    summary = summarise(results)
    cell = only(summary).cells["frozen_encoder"]
    assert cell.verdict is not None
    assert cell.verdict.reason == "no finished run of scratch"
    assert "initial_return" in cell.quantities
    assert "jumpstart" not in cell.quantities
    assert "NO DATA" in make_page(results, summary)


def test_zero_shot_holds_its_return_and_an_oracle_of_another_budget_stands_apart() -> None:
    oracle = [
        replace(
            record,
            steps=np.array([0, 500, 1000, 9000]),
            returns=np.array([0.0, 20.0, 40.0, 100.0]),
            return_sd=np.zeros(4),
            target_steps=9000,
        )
        for record in arm("oracle", SCRATCH)
    ]
    zero = arm("zero_shot", lambda seed: np.array([60.0 + seed]))
    group = only(summarise(make_results(*arm("scratch", SCRATCH), *zero, *oracle)))
    assert group.frame.budget == 1000
    assert group.cells["zero_shot"].quantities["area_under_curve"].point == pytest.approx(61.5)
    # nothing of the oracle's longer curve is read as if it were of this budget; its last fifth is from 7200 to 9000
    assert "oracle" not in group.cells
    assert group.oracle is not None
    assert (group.oracle.num_runs, group.oracle.steps) == (4, 9000)
    assert group.oracle.asymptotic_return is not None
    assert group.frame.oracle_return == group.oracle.asymptotic_return.point == pytest.approx((86.5 + 100.0) / 2)
    assert group.frame.oracle_level == pytest.approx(1.5 + 0.95 * (93.25 - 1.5))
    assert group.cells["zero_shot"].quantities["share_of_oracle"].point == pytest.approx((61.5 - 1.5) / (93.25 - 1.5))


def test_negative_returns_keep_the_sign_of_the_verdict() -> None:
    results = make_results(
        *arm("scratch", lambda seed: SCRATCH(seed) - 300.0),
        *arm("frozen_encoder", lambda seed: GOOD(seed) - 300.0),
    )
    cell = only(summarise(results)).cells["frozen_encoder"]
    assert cell.verdict is not None
    assert cell.verdict.word is Word.POSITIVE
    assert cell.quantities["transfer_ratio"].point > 0.0


def test_no_dip_without_a_head_start_to_lose(tmp_path: Path) -> None:
    group = only(summarise(compare(BAD)))
    assert "dip_depth" not in group.cells["frozen_encoder"].quantities
    assert "dip_depth" not in group.cells["scratch"].quantities
    assert "0 of 4 ahead" in write_report(compare(BAD), tmp_path).markdown.read_text(encoding="utf-8")
    # a lucky seed of scratch carries nothing over either
    lucky = make_results(*arm("scratch", lambda seed: SCRATCH(seed) + 40.0 * (seed == 3)), *arm("fine_tune", GOOD))
    assert "dip_depth" not in only(summarise(lucky)).cells["scratch"].quantities


def test_a_dip_counts_by_the_run_however_wide_the_jumpstart_is(tmp_path: Path) -> None:
    # floor 1.5, span 98.5: what starts above 11.35 counts; seed 0 starts below, seeds 1 and 2 above
    curves = [[8.0, 2.0, 3.0, 4.0, 5.0], [90.0, 60.0, 90.0, 95.0, 95.0], [12.0, 12.0, 50.0, 60.0, 70.0]]
    results = make_results(
        *arm("scratch", SCRATCH), *arm("frozen_encoder", lambda seed: np.array(curves[seed]), num_seeds=3)
    )
    cell = only(summarise(results)).cells["frozen_encoder"]
    assert cell.quantities["jumpstart"].low < 0.0
    np.testing.assert_allclose(cell.per_run["dip_depth"], [np.nan, 1 / 3, 0.0])
    dip = cell.quantities["dip_depth"]
    assert (dip.point, dip.num_runs) == (pytest.approx(1 / 6), 2)
    text = write_report(results, tmp_path).markdown.read_text(encoding="utf-8")
    assert "2 of 3 ahead, worst 33\N{NO-BREAK SPACE}%" in text


def test_all_pairs_agreeing_is_never_written_as_an_interval_without_width(tmp_path: Path) -> None:
    paths = write_report(compare(GOOD, 3), tmp_path)
    content = json.loads(paths.json.read_text(encoding="utf-8"))
    (cell,) = (c for c in content["summary"]["targets"][0]["methods"] if c["method"] == "frozen_encoder")
    found = cell["quantities"]["probability_of_improvement"]
    assert (found["point"], found["high"]) == (1.0, 1.0)
    assert found["low"] == pytest.approx(0.337, abs=0.001)
    rows = csv.DictReader(io.StringIO(paths.csv.read_text(encoding="utf-8")))
    (row,) = (row for row in rows if row["quantity"] == "probability_of_improvement")
    assert float(row["low"]) == found["low"]
    for path in (paths.markdown, paths.html):
        text = path.read_text(encoding="utf-8")
        assert "[0.34, 1.00]" in text
        assert "every pair" in text
        assert "[1.00, 1.00]" not in text


def test_the_page_owns_up_to_what_is_measured() -> None:
    results = compare(GOOD)
    page = make_page(results, summarise(results))
    assert "the fraction is fixed in advance, floor and source return are measured" in page
    assert "the mark at step 0 is the return before any training on the target" in page
    assert "fixed before any transfer run" not in page
    assert "step 0 is zero-shot" not in page


def test_another_method_moves_nobodys_interval() -> None:
    lone = only(summarise(compare(GOOD))).cells["frozen_encoder"]
    more = make_results(*compare(GOOD).records, *arm("fine_tune", BAD))
    assert only(summarise(more)).cells["frozen_encoder"].quantities == lone.quantities


def test_overall_needs_every_target_and_counts_source_agents_once() -> None:
    records = [
        *(r for target in ("heavy", "ice") for r in arm("scratch", SCRATCH, target=target)),
        *(r for target in ("heavy", "ice") for r in arm("frozen_encoder", GOOD, target=target)),
        *arm("fine_tune", GOOD, target="ice"),
    ]
    summary = summarise(make_results(*records))
    assert set(summary.overall) == {"scratch", "frozen_encoder"}
    assert summary.overall["frozen_encoder"].num_runs == 4  # seeds: their runs on both targets share an agent
    assert summary.source_steps == 4 * 5000
    records[-1] = replace(records[-1], companion_steps=70)  # taken by the run itself, so shared with nobody
    again = summarise(make_results(*records))
    assert again.source_steps == 4 * 5000 + 70
    assert again.groups[1].cells["fine_tune"].costs.source_steps == 4 * 5000 + 70


def test_overall_draws_a_seed_with_all_its_targets_and_takes_a_run_that_failed_as_absent() -> None:
    def shifted(seed: int) -> np.ndarray:
        return GOOD(seed) - 10.0 * seed

    records = [
        *(r for target in ("heavy", "ice") for r in arm("scratch", SCRATCH, target=target)),
        *(r for target in ("heavy", "ice") for r in arm("frozen_encoder", shifted, target=target)),
    ]
    both = summarise(make_results(*records)).overall["frozen_encoder"]
    # the same on both targets: no more is known than from one of them
    one = only(summarise(make_results(*records[:4], *records[8:12])))
    cell = one.cells["frozen_encoder"]
    area = cell.quantities["area_under_curve"]
    assert both.point == pytest.approx((area.point - one.frame.floor) / one.frame.span)
    assert both.high - both.low > 0.6 * (area.high - area.low) / one.frame.span
    records[-1] = make_record("frozen_encoder", 3, GOOD, target="ice", status="failed")
    less = summarise(make_results(*records)).overall["frozen_encoder"]
    assert (less.num_runs, less.known) == (4, True)
    assert less.point > both.point


def test_the_leading_method_is_the_default_or_the_first_that_is_no_yardstick() -> None:
    results = make_results(*arm("scratch", SCRATCH), *arm("zero_shot", BAD), *arm("fine_tune", GOOD))
    summary = summarise(results)
    assert summary.leading == "fine_tune"
    assert "The default method, frozen_encoder, is not part of this benchmark" in make_page(results, summary)
    assert summarise(compare(GOOD)).leading == "frozen_encoder"


def test_same_results_same_bytes_and_nothing_half_written(tmp_path: Path) -> None:
    first, second = write_report(compare(GOOD), tmp_path / "a"), write_report(compare(GOOD), tmp_path / "b")
    for a, b in zip(vars(first).values(), vars(second).values(), strict=True):
        assert a.read_bytes() == b.read_bytes()
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert names == {"report.html", "report.md", "summary.csv", "results.json"}


def test_the_page_needs_nothing_from_outside(tmp_path: Path) -> None:
    page = write_report(compare(GOOD), tmp_path).html.read_text(encoding="utf-8")
    assert not re.findall(r"(?:src|action)=|@import|<link|<script|url\((?!#)", page)
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert len(re.findall(r"<svg", page)) > 5


def test_json_is_strict_and_reads_back(tmp_path: Path) -> None:
    paths = write_report(compare(GOOD), tmp_path)

    def refuse(word: str) -> float:
        raise AssertionError(f"{word} is not JSON")

    content = json.loads(paths.json.read_text(encoding="utf-8"), parse_constant=refuse)
    cell = content["summary"]["targets"][0]["methods"][0]
    assert cell["method"] == "scratch"
    assert cell["time_to_threshold"]["num_censored"] == 4
    assert cell["time_to_threshold"]["times"] == [None] * 4
    assert load_results(paths.json) == compare(GOOD)


def test_csv_holds_every_number_in_full(tmp_path: Path) -> None:
    text = write_report(compare(GOOD), tmp_path).csv.read_text(encoding="utf-8")
    rows = {(row["method"], row["quantity"]): row for row in csv.DictReader(io.StringIO(text))}
    cell = only(summarise(compare(GOOD))).cells["frozen_encoder"]
    row = rows["frozen_encoder", "auc_difference"]
    found = cell.quantities["auc_difference"]
    assert (float(row["point"]), float(row["low"]), float(row["high"])) == (
        found.point,
        found.low,
        found.high,
    )
    assert row["verdict"] == "POSITIVE TRANSFER"
    assert rows["scratch", "time_to_threshold"]["num_censored"] == "4"
    assert rows["scratch", "time_to_threshold_median"]["point"] == "inf"


def test_markdown_has_the_answer_and_whole_tables(tmp_path: Path) -> None:
    text = write_report(compare(BAD), tmp_path).markdown.read_text(encoding="utf-8")
    assert "Transfer hurt: on hopper \N{RIGHTWARDS ARROW} heavy" in text
    assert "\N{BLACK DOWN-POINTING TRIANGLE} NEGATIVE TRANSFER" in text
    assert "> 1,000 (4 of 4)" in text
    widths: list[set[int]] = [set()]
    for line in text.splitlines():
        if line.startswith("|"):
            widths[-1].add(len(re.findall(r"(?<!\\)\|", line)))
        elif widths[-1]:
            widths.append(set())
    assert all(len(width) == 1 for width in widths if width)


def test_numbers_have_true_signs_and_the_digits_they_need() -> None:
    assert number(-1234.5, 1) == "\N{MINUS SIGN}1,234.5"
    assert number(0.4, 0, signed=True) == "0"
    assert number(-0.2, 0) == "0"
    assert number(7.0, 1, signed=True) == "+7.0"
    assert number(math.nan) == "\N{EN DASH}"
    assert percent(-0.125, signed=True) == "\N{MINUS SIGN}12\N{NO-BREAK SPACE}%"
    assert [compute_decimals([v]) for v in (1234.0, 123.0, 12.3, 1.23, 0.001, 0.0)] == [0, 0, 1, 2, 3, 0]
    assert between(Interval(1.0, -0.5, 2.5, 4), 1, signed=True) == "[\N{MINUS SIGN}0.5, +2.5]"
    assert between(Interval(1.0, math.nan, math.nan, 1)) == "one run"
    assert [short_steps(v) for v in (0.0, 500.0, 50_000.0, 1.5e6)] == ["0", "500", "50k", "1.5M"]
    assert [tick_number(v) for v in (0.0, 2.5, -1200.0)] == ["0", "2.5", "\N{MINUS SIGN}1,200"]
