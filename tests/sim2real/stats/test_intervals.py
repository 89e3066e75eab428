"""Intervals: closed forms, seeds, coverage, and what is censored."""

import math

import numpy as np
import pytest
from scipy import stats

from sim2real.stats import (
    Interval,
    band,
    censored_interval,
    difference,
    interval,
    iqm,
    mean,
    newcombe_interval,
    probability_of_improvement,
    widening,
)


def test_same_generator_same_interval() -> None:
    values = [np.array([1.0, 2.0, 4.0, 8.0]), np.array([3.0, 5.0])]
    first = interval(values, iqm, np.random.default_rng(7))
    assert first == interval(values, iqm, np.random.default_rng(7))
    assert first != interval(values, iqm, np.random.default_rng(8))
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    interval(values, mean, np.random.default_rng(7))
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_interquartile_mean_drops_a_quarter_on_each_side() -> None:
    assert iqm(np.array([100.0, 1.0, 2.0, -100.0])) == 1.5
    assert iqm(np.arange(8.0) ** 2) == np.mean([4.0, 9.0, 16.0, 25.0])
    assert iqm(np.array([1.0, 2.0, 6.0])) == 3.0
    values = np.random.default_rng(0).normal(size=(5, 40))
    np.testing.assert_allclose(iqm(values), stats.trim_mean(values, 0.25, axis=1))


def test_widening_of_one_sample_is_the_t_interval() -> None:
    for size in (3, 5, 10):
        values = np.random.default_rng(size).normal(size=size)
        expected = math.sqrt(size / (size - 1)) * stats.t.ppf(0.975, size - 1) / stats.norm.ppf(0.975)
        assert widening([[values]]) == pytest.approx(expected)
    assert widening([[np.random.default_rng(0).normal(size=4000)]]) == pytest.approx(1.0, abs=1e-3)


def test_widening_of_two_samples_has_welchs_degrees_of_freedom() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.0, 4.0, 5), rng.normal(0.0, 1.0, 9)
    df = stats.ttest_ind(a, b, equal_var=False).df
    va, vb = a.var(ddof=1) / 5, b.var(ddof=1) / 9
    narrow = (va + vb) / (va * 4 / 5 + vb * 8 / 9)
    expected = math.sqrt(narrow) * stats.t.ppf(0.975, df) / stats.norm.ppf(0.975)
    assert widening([[a], [b]]) == pytest.approx(expected)
    assert widening([[np.zeros(4)], [np.ones(4)]]) == 1.0
    assert math.isnan(widening([[a], [np.ones(1)]]))


def test_large_sample_agrees_with_the_normal_theory() -> None:
    values = np.random.default_rng(1).normal(10.0, 2.0, 400)
    found = interval([values], mean, np.random.default_rng(2), reps=8000)
    half = 1.96 * values.std(ddof=1) / 20.0
    assert found.point == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.02)
    assert found.high == pytest.approx(values.mean() + half, abs=0.02)
    assert found.num_runs == 400


@pytest.mark.parametrize("size", [3, 5, 20])
def test_coverage_of_mean_and_difference_on_normal_data(size: int) -> None:
    rng = np.random.default_rng(100 + size)
    trials, means, differences = 1500, 0, 0
    for _ in range(trials):
        a, b = rng.normal(3.0, 2.0, size), rng.normal(1.0, 2.0, size)
        found = interval([a], mean, rng, reps=500)
        means += found.low <= 3.0 <= found.high
        gap = difference([a], [b], rng, reps=500)
        differences += gap.low <= 2.0 <= gap.high
    assert means / trials == pytest.approx(0.95, abs=0.03)
    assert differences / trials == pytest.approx(0.95, abs=0.03)


def test_strata_keep_their_spread_apart() -> None:
    # two targets far apart: resampling across them would invent a spread of 50
    values = [np.array([0.0, 1.0, 2.0, 1.0]), np.array([100.0, 101.0, 102.0, 101.0])]
    found = interval(values, mean, np.random.default_rng(0))
    assert found.point == 51.0
    assert found.high - found.low < 2.0


def test_a_constant_has_an_interval_of_no_width_and_one_run_has_none() -> None:
    assert interval([np.full(5, 2.0)], mean, np.random.default_rng(0)) == Interval(2.0, 2.0, 2.0, 5)
    single = interval([np.array([2.0])], mean, np.random.default_rng(0))
    assert single.point == 2.0
    assert math.isnan(single.low)
    assert not single.known
    assert single.touches(Interval(99.0, 98.0, 100.0, 5))


def test_difference_counts_the_smaller_arm_and_shifts_with_the_data() -> None:
    a, b = np.array([5.0, 6.0, 7.0]), np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    found = difference([a], [b], np.random.default_rng(0))
    moved = difference([a + 10.0], [b], np.random.default_rng(0))
    assert (found.point, found.num_runs) == (3.0, 3)
    assert (moved.low, moved.high) == (pytest.approx(found.low + 10.0), pytest.approx(found.high + 10.0))


def test_seeds_that_share_a_source_agent_are_drawn_with_all_their_targets() -> None:
    # two targets that say the same of every seed are one observation per seed, not two
    once = np.array([[1.0], [2.0], [6.0]])
    twice = np.repeat(once, 2, axis=1)
    assert widening([[twice]]) == pytest.approx(widening([[once[:, 0]]]))
    found = interval([twice], mean, np.random.default_rng(0))
    assert (found.point, found.num_runs) == (3.0, 3)
    alone = interval([once[:, 0]], mean, np.random.default_rng(0))
    assert (found.low, found.high) == (pytest.approx(alone.low), pytest.approx(alone.high))
    # targets far apart are drawn together as well: their distance is no spread
    apart = interval([once + np.array([0.0, 100.0])], mean, np.random.default_rng(0))
    assert apart.high - apart.low == pytest.approx(alone.high - alone.low)


@pytest.mark.parametrize(("num_seeds", "num_envs"), [(3, 1), (5, 1), (10, 1), (3, 3)])
def test_coverage_over_targets_that_share_their_seeds_source_agent(num_seeds: int, num_envs: int) -> None:
    rng = np.random.default_rng(7 * num_seeds + num_envs)
    trials, hits = 1200, 0
    for _ in range(trials):
        agents = rng.normal(0.0, 1.0, (num_envs, num_seeds, 1))
        scores = agents + np.array([-0.6, -0.2, 0.2, 0.6]) + rng.normal(0.0, 0.5, (num_envs, num_seeds, 4))
        found = interval(list(scores), iqm, rng, reps=400)
        hits += found.low <= 0.0 <= found.high
    assert hits / trials == pytest.approx(0.95, abs=0.04)


def test_an_absent_run_counts_nowhere_and_its_seed_stays() -> None:
    scores = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0], [7.0, 8.0]])
    assert iqm(scores.ravel()) == pytest.approx(np.mean([2.0, 3.0, 5.0, 6.0, 7.0]))  # 7 values, one off each end
    found = interval([scores], iqm, np.random.default_rng(0))
    assert found.point == pytest.approx(4.6)
    assert found.num_runs == 4
    assert found.low < 4.6 < found.high
    with pytest.raises(ValueError, match="a seed without any run is left out"):
        interval([np.array([[1.0, 2.0], [np.nan, np.nan]])], iqm, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"is \(1, 1, 1\)"):
        interval([np.ones((1, 1, 1))], iqm, np.random.default_rng(0))


def test_probability_of_improvement_counts_pairs_and_halves_ties() -> None:
    a, b = np.array([1.0, 2.0, 3.0]), np.array([2.0, 0.0])
    assert probability_of_improvement(a, b) == pytest.approx((3 + 1.5) / 6)  # pairs won against 0, against 2
    assert probability_of_improvement(a, b) + probability_of_improvement(b, a) == pytest.approx(1.0)
    assert probability_of_improvement(a, b) == pytest.approx(stats.mannwhitneyu(a, b).statistic / 6)


def test_newcombes_interval_solves_his_equation() -> None:
    a, b = np.arange(6.0) + 1.6, np.arange(8.0)
    found = newcombe_interval(a, b)
    for p in (found.low, found.high):
        pairs = 1.0 + 6.0 * (1.0 - p) / (2.0 - p) + 6.0 * p / (1.0 + p)  # (6 + 8) / 2 - 1 = 6
        reach = stats.t.ppf(0.975, 12) * math.sqrt(p * (1.0 - p) * pairs / 48.0)
        assert abs(found.point - p) == pytest.approx(reach, rel=1e-6)
    back = newcombe_interval(b, a)
    assert (back.low, back.high) == (pytest.approx(1.0 - found.high), pytest.approx(1.0 - found.low))
    assert found.num_runs == 6


@pytest.mark.parametrize("num_runs", [2, 3, 5, 20])
def test_arms_that_agree_in_all_pairs_are_no_certainty(num_runs: int) -> None:
    low_arm, high_arm = np.arange(float(num_runs)), np.arange(float(num_runs)) + 100.0
    wins, loses = newcombe_interval(high_arm, low_arm), newcombe_interval(low_arm, high_arm)
    assert (wins.point, wins.high, loses.point, loses.low) == (1.0, 1.0, 0.0, 0.0)
    assert wins.low < 1.0 - 1.0 / num_runs**2
    assert loses.high == pytest.approx(1.0 - wins.low)
    if num_runs <= 3:  # the exact test of three against three has p = 0.1 here
        assert wins.low < 0.5


def test_an_arm_of_one_run_has_a_share_and_no_interval() -> None:
    found = newcombe_interval(np.array([2.0]), np.array([0.0, 1.0]))
    assert (found.point, found.num_runs, found.known) == (1.0, 1, False)
    with pytest.raises(ValueError, match="at least one run and finite values"):
        newcombe_interval(np.array([np.nan]), np.array([0.0]))


@pytest.mark.parametrize(("num_runs", "probability"), [(3, 0.5), (3, 0.9), (5, 0.75), (10, 0.5), (10, 0.9)])
def test_coverage_of_newcombes_interval_on_normal_data(num_runs: int, probability: float) -> None:
    rng = np.random.default_rng(num_runs)
    shift = math.sqrt(2.0) * stats.norm.ppf(probability)
    known: dict[float, Interval] = {}  # few shares are possible: ask once for each
    trials, hits = 2000, 0
    for _ in range(trials):
        a, b = rng.normal(shift, 1.0, num_runs), rng.normal(0.0, 1.0, num_runs)
        share = probability_of_improvement(a, b)
        if share not in known:
            known[share] = newcombe_interval(a, b)
        found = known[share]
        hits += found.low <= probability <= found.high
    assert hits / trials >= 0.94


def test_values_that_are_not_finite_or_absent_are_refused() -> None:
    with pytest.raises(ValueError, match="go to censored_interval"):
        interval([np.array([1.0, np.inf])], mean, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"sizes are \[0\]"):
        interval([np.array([])], mean, np.random.default_rng(0))


def test_band_of_a_curve_is_the_interval_at_every_step() -> None:
    returns = np.random.default_rng(5).lognormal(size=(6, 3))
    middle, low, high = band(returns)
    for k in range(3):
        alone = interval([returns[:, k]], mean, np.random.default_rng(1))
        assert (middle[k], low[k], high[k]) == pytest.approx((alone.point, alone.low, alone.high))
    assert np.all(np.isnan(band(returns[:1])[1]))


@pytest.mark.parametrize("size", [2, 3, 8])
def test_means_of_symmetric_runs_have_the_t_interval_and_those_of_three_whatever_they_are(size: int) -> None:
    values = np.random.default_rng(size).lognormal(size=size)
    if size > 3:
        values = np.concatenate([values, 10.0 - values])
    found = interval([values], mean, np.random.default_rng(0))
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    other = np.array([1.0, 2.0, 4.0])
    gap = difference([values], [other], np.random.default_rng(0))
    expected = stats.ttest_ind(values, other, equal_var=False).confidence_interval(0.95)
    assert (gap.low, gap.high) == pytest.approx((expected.low, expected.high))


def test_skewed_runs_reach_further_to_their_long_side_as_halls_transformation_says() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 20.0])
    found, mirrored = (interval([v], mean, np.random.default_rng(0)) for v in (values, -values))
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))
    assert found.high - 6.0 > 6.0 - found.low
    se = values.std(ddof=1) / math.sqrt(5)
    skewness = 0.4 * stats.skew(values, bias=False) / math.sqrt(5)  # 1 - 3 / 5
    for end, quantile in ((found.low, 0.975), (found.high, 0.025)):
        t = (6.0 - end) / se
        hall = t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6
        assert hall == pytest.approx(stats.t.ppf(quantile, 4))


def test_coverage_of_the_mean_of_skewed_runs() -> None:
    """Plain t covers 82 % of five and 84 % of ten lognormal runs."""
    rng = np.random.default_rng(0)
    for size, least in ((5, 0.84), (10, 0.88)):
        samples = rng.lognormal(size=(3000, size))
        found = [interval([values], mean, rng) for values in samples]
        assert np.mean([i.low <= math.exp(0.5) <= i.high for i in found]) > least


def test_censored_times_are_bounded_by_the_budget_and_counted() -> None:
    times = np.array([20.0, 40.0, 60.0, np.inf, np.inf])
    found = censored_interval(times, 100.0, np.random.default_rng(0))
    assert found.restricted_mean.point == pytest.approx((20 + 40 + 60 + 100 + 100) / 5)
    assert found.restricted_mean.high <= 100.0
    assert found.restricted_mean.low >= 0.0
    assert (found.num_censored, found.num_runs) == (2, 5)
    assert found.median.point == 60.0
    assert found.median.high == math.inf


def test_never_reached_says_so_everywhere_and_how_little_few_runs_say() -> None:
    found = censored_interval(np.full(4, np.inf), 100.0, np.random.default_rng(0))
    assert found.median == Interval(math.inf, 0.0, math.inf, 4)
    assert found.restricted_mean.point == 100.0
    low, _ = stats.ttest_1samp([100.0, 100.0, 100.0, 100.0, 100.0, 0.0], 0.0).confidence_interval(0.95)
    assert (found.restricted_mean.low, found.restricted_mean.high) == (pytest.approx(low), 100.0)
    assert found.num_censored == 4
    at_once = censored_interval(np.zeros(4), 100.0, np.random.default_rng(0)).restricted_mean
    assert (at_once.low, at_once.high) == (0.0, pytest.approx(100.0 - low))


def test_the_median_has_its_exact_interval_from_six_runs_on() -> None:
    times = np.array([30.0, 10.0, 50.0, 20.0, np.inf, 40.0])
    rng = np.random.default_rng(0)
    assert censored_interval(times, 100.0, rng).median == Interval(35.0, 10.0, math.inf, 6)
    assert censored_interval(times[:5], 100.0, rng).median == Interval(30.0, 0.0, math.inf, 5)
    ten = censored_interval(np.arange(10.0), 100.0, rng).median
    assert (ten.low, ten.high) == (1.0, 8.0)  # 1 - 2 (1 + 10) / 2^10 = 98 %


def test_times_that_nobody_missed_have_the_interval_of_their_mean() -> None:
    times = np.array([40.0, 41.0, 43.0, 42.0])
    found = censored_interval(times, 100.0, np.random.default_rng(0)).restricted_mean
    assert found == interval([times], mean, np.random.default_rng(0))


@pytest.mark.thorough
def test_coverage_of_the_restricted_mean_of_three_runs() -> None:
    """Plain t covers 86 % where four runs of ten are censored."""
    rng = np.random.default_rng(0)
    budget = -math.log(0.4)
    samples = np.where((times := rng.exponential(size=(1500, 3))) < budget, times, np.inf)
    found = [censored_interval(values, budget, rng, reps=10).restricted_mean for values in samples]
    assert np.mean([i.low <= 0.6 <= i.high for i in found]) > 0.94


def test_a_time_beyond_the_budget_is_censored_and_the_even_median_stays_inf() -> None:
    found = censored_interval(np.array([10.0, 250.0]), 100.0, np.random.default_rng(0))
    assert found.num_censored == 1
    assert found.times == (10.0, math.inf)
    assert found.median.point == math.inf
    with pytest.raises(ValueError, match="must be >= 0 or inf"):
        censored_interval(np.array([-1.0]), 100.0, np.random.default_rng(0))
