"""Differences paired by source agent: the test against SciPy's, the power against its definition, the table's rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from fabricated_table import make_table
from numpy.testing import assert_allclose

from sim2real.stats import summarise
from sim2real.stats.estimation.paired import adjust_by_holm, agents_needed, sign_flip_p


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("num", [3, 5, 10])
def test_the_exact_sign_flip_test_is_scipys(num: int) -> None:
    values = np.random.default_rng(num).normal(0.5, 1.0, num)
    theirs = scipy.stats.permutation_test((values,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert_allclose(sign_flip_p(values, rng()), theirs.pvalue)


def test_drawn_signs_agree_with_the_t_test_on_normal_data() -> None:
    values = np.random.default_rng(1).normal(0.4, 1.0, 40)
    assert_allclose(sign_flip_p(values, rng()), scipy.stats.ttest_1samp(values, 0.0).pvalue, atol=0.01)


def test_three_agents_never_decide_and_six_that_agree_do() -> None:
    assert sign_flip_p(np.array([1.0, 2.0, 3.0]), rng()) == 2 / 8
    assert sign_flip_p(np.arange(1.0, 7.0), rng()) == 2 / 64
    assert math.isnan(sign_flip_p(np.zeros(0), rng()))


def test_holm() -> None:
    assert_allclose(adjust_by_holm([0.01, 0.04, 0.03, math.nan]), [0.03, 0.06, 0.06, math.nan])
    assert adjust_by_holm([0.9, 0.8]) == [1.0, 1.0]


def test_as_many_agents_are_needed_as_a_textbook_says() -> None:
    """Cohen 1988: an effect of half a standard deviation, two-sided 5 %, power 0.8, takes 34 pairs; of one, 10."""
    for size, needed in ((0.5, 34), (1.0, 10), (0.2, 199)):
        values = np.array([size - math.sqrt(0.5), size + math.sqrt(0.5)])  # mean `size`, standard deviation 1
        assert agents_needed(values) == needed
    assert agents_needed(np.array([1.0])) is None
    assert agents_needed(np.array([1.0, 1.0])) is None
    assert agents_needed(np.array([-1.0, 1.0])) is None


def test_rejects_seldom_where_nothing_differs() -> None:
    draws = np.random.default_rng(2).standard_normal((2000, 8))
    share = np.mean([sign_flip_p(values, rng()) <= 0.05 for values in draws])
    assert 0.035 < share < 0.065


def test_pairs_of_a_table_are_of_one_agent_each() -> None:
    summary = summarise(make_table())
    table = summary.table
    assert table is not None
    assert {pair.reference for pair in table.paired} <= {"zero_shot", "frozen_encoder", "scratch"}
    assert all(pair.method != pair.reference for pair in table.paired)
    assert all(pair.difference.low <= pair.difference.point <= pair.difference.high for pair in table.paired)
    opposite = {(pair.method, pair.reference): pair.difference.point for pair in table.paired}
    for (method, reference), point in opposite.items():
        if (reference, method) in opposite:
            assert_allclose(opposite[reference, method], -point)
