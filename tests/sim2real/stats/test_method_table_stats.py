"""The statistics of the method table against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from sim2real.stats import (
    HARM,
    QUANTITIES,
    censored_interval,
    difference,
    iqm,
    probability_below,
    share_of_span,
)
from sim2real.stats.verdicts import Word, compute_verdict


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_share_of_span_is_zero_at_the_floor_and_one_at_the_ceiling() -> None:
    np.testing.assert_allclose(share_of_span(np.array([10.0, 20.0, 25.0, 5.0]), 10.0, 20.0), [0.0, 1.0, 1.5, -0.5])
    for floor, ceiling in ((10.0, 10.0), (10.0, 9.0), (math.nan, 9.0), (1.0, math.nan)):
        assert math.isnan(float(share_of_span(np.array([1.0]), floor, ceiling)[0]))


@pytest.mark.parametrize("num", [1, 3, 4, 5, 8, 45])
def test_the_interquartile_mean_trims_whole_values_as_scipy_does(num: int) -> None:
    values = rng().lognormal(size=num)
    assert float(iqm(values)) == pytest.approx(scipy_stats.trim_mean(values, 0.25))
    if num == 5:
        assert float(iqm(np.array([-100.0, 1.0, 2.0, 3.0, 100.0]))) == 2.0  # the middle three


def test_scratch_better_is_half_without_a_difference_and_settled_without_an_overlap() -> None:
    same = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert probability_below([same], [same]) == pytest.approx(0.5)
    assert probability_below([same], [same + 100.0]) > 1.0 - 1e-6
    assert probability_below([same], [same - 100.0]) < 1e-6
    for gap, chance in ((0.0, 0.5), (1.0, 0.0), (-1.0, 1.0)):  # nothing varies
        assert probability_below([np.ones(3) + gap], [np.ones(3)]) == chance
    assert math.isnan(probability_below([np.ones(1)], [same]))


@pytest.mark.parametrize("seed", range(20))
def test_scratch_better_is_the_t_test_for_symmetric_runs_and_one_with_the_interval(seed: int) -> None:
    draw = np.random.default_rng(seed)
    treated, control = draw.standard_normal(20), draw.standard_normal(20) + 0.4
    treated, control = (np.concatenate([arm, 2.0 * arm.mean() - arm]) for arm in (treated, control))  # no skewness
    p = scipy_stats.ttest_ind(treated, control, equal_var=False, alternative="less").pvalue
    assert probability_below([treated], [control]) == pytest.approx(1.0 - p, rel=1e-9)
    skewed, other = draw.lognormal(size=5), draw.lognormal(size=7)
    found = difference([skewed], [other], rng())
    for end, chance in ((found.low, 0.025), (found.high, 0.975)):
        assert probability_below([skewed - end], [other]) == pytest.approx(chance, abs=1e-6)


def test_without_an_effect_five_seeds_are_called_negative_once_in_twenty() -> None:
    draw = np.random.default_rng(1)
    chances = [probability_below([draw.standard_normal(5)], [draw.standard_normal(5)]) for _ in range(4000)]
    assert np.mean(np.array(chances) > HARM) == pytest.approx(0.05, abs=0.01)


def test_harm_is_called_on_one_side_and_help_on_two() -> None:
    draw = np.random.default_rng(3)
    # an effect between the one-sided and the two-sided bound
    treated, control = draw.standard_normal(30), draw.standard_normal(30)
    treated, control = treated - treated.mean(), control - control.mean()
    error = math.hypot(treated.std(ddof=1), control.std(ddof=1)) / math.sqrt(30)
    words = []
    for shift in (-1.83 * error, 1.83 * error):
        found = difference([treated + shift], [control], rng())
        chance = probability_below([treated + shift], [control])
        assert found.low < 0.0 < found.high
        words.append(compute_verdict("fine_tune", 30, 30, found, chance).word)
    assert words == [Word.NEGATIVE, Word.INCONCLUSIVE]


def test_censored_times_enter_the_restricted_interquartile_mean_as_the_budget() -> None:
    found = censored_interval(np.array([10.0, 20.0, 30.0, np.inf, 70.0]), 50.0, rng())
    assert found.num_censored == 2  # 70 lies beyond the budget
    assert found.restricted_iqm.point == pytest.approx((20.0 + 30.0 + 50.0) / 3)
    assert found.restricted_mean.point == pytest.approx((10.0 + 20.0 + 30.0 + 50.0 + 50.0) / 5)
    assert 0.0 <= found.restricted_iqm.low <= found.restricted_iqm.point <= found.restricted_iqm.high <= 50.0
    never = censored_interval(np.full(5, np.inf), 50.0, rng())
    assert (never.restricted_iqm.point, never.median.point) == (50.0, math.inf)


@pytest.mark.parametrize("name", QUANTITIES)
def test_every_quantity_says_what_it_is_and_how_runs_become_one_number(name: str) -> None:
    quantity = QUANTITIES[name]
    assert quantity.title[0].isupper()
    assert quantity.definition.endswith(".")
    assert quantity.formula
    assert quantity.source
    assert quantity.statistic in ("mean", "IQM", "formula")
    assert quantity.kind in ("return", "share", "probability", "steps")
