"""Transfer metrics against numbers worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real.stats import (
    area_under_curve,
    asymptotic_return,
    dip_depth,
    jumpstart,
    retention,
    threshold,
    time_to_threshold,
    transfer_ratio,
)

STEPS = np.array([0.0, 10.0, 40.0, 100.0])
RETURNS = np.array([[0.0, 10.0, 40.0, 100.0], [5.0, 5.0, 5.0, 5.0], [-8.0, -16.0, -4.0, -4.0]])


def test_area_is_the_mean_height_over_the_budget() -> None:
    # third run: (10 * -12 + 30 * -10 + 60 * -4) / 100
    np.testing.assert_allclose(area_under_curve(STEPS, RETURNS), [50.0, 5.0, -6.6])


def test_without_a_budget_area_and_asymptote_are_the_return_itself() -> None:
    np.testing.assert_array_equal(area_under_curve(np.array([0.0]), np.array([[3.0], [4.0]])), [3.0, 4.0])
    np.testing.assert_array_equal(asymptotic_return(np.array([0.0]), np.array([[3.0]])), [3.0])


def test_asymptotic_return_averages_the_last_fifth_of_the_steps() -> None:
    # the line from 80 to 100 has mean 90, wherever the evaluations lie
    np.testing.assert_allclose(asymptotic_return(STEPS, RETURNS), [90.0, 5.0, -4.0])
    dense = np.array([0.0, 80.0, 81.0, 82.0, 100.0])
    np.testing.assert_allclose(asymptotic_return(dense, dense[None]), [90.0])
    with pytest.raises(ValueError, match=r"tail is 0\.0"):
        asymptotic_return(STEPS, RETURNS, tail=0.0)


def test_jumpstart_is_the_head_start_over_scratch() -> None:
    np.testing.assert_allclose(jumpstart(RETURNS, np.array([[1.0, 9.0], [3.0, 9.0]])), [-2.0, 3.0, -10.0])


def test_threshold_lies_between_floor_and_source_return() -> None:
    assert threshold(-100.0, 300.0, 0.75) == pytest.approx(200.0)
    assert threshold(20.0, 120.0, 1.0) == 120.0
    assert math.isnan(threshold(20.0, 20.0, 0.8))
    assert math.isnan(threshold(20.0, math.nan, 0.8))
    assert math.isnan(threshold(math.nan, 20.0, 0.8))
    with pytest.raises(ValueError, match="fraction is 0"):
        threshold(0.0, 1.0, 0.0)


def test_time_to_threshold_interpolates_and_says_inf_when_not_reached() -> None:
    np.testing.assert_allclose(time_to_threshold(STEPS, RETURNS, 25.0), [25.0, np.inf, np.inf])
    np.testing.assert_allclose(time_to_threshold(STEPS, RETURNS, 5.0), [5.0, 0.0, np.inf])
    # exactly at an evaluation
    np.testing.assert_allclose(time_to_threshold(STEPS, RETURNS, 40.0)[:1], [40.0])


def test_transfer_ratio_divides_by_the_size_of_scratch() -> None:
    np.testing.assert_allclose(transfer_ratio(np.array([30.0]), np.array([20.0]), 0.0), [0.5])
    # negative returns: less negative is a gain
    np.testing.assert_allclose(transfer_ratio(np.array([-50.0]), np.array([-100.0]), -200.0), [0.5])
    # scratch at or below the floor learned nothing
    assert np.isnan(transfer_ratio(np.array([30.0]), np.array([20.0]), 20.0)[0])
    assert np.isnan(transfer_ratio(np.array([30.0]), np.array([0.0]), -1.0)[0])


def test_retention_is_a_share_of_a_positive_return() -> None:
    found = retention(np.array([100.0, 80.0, -5.0, np.nan]), np.array([75.0, 88.0, 3.0, 1.0]))
    np.testing.assert_allclose(found, [0.75, 1.1, np.nan, np.nan])


def test_dip_is_relative_to_the_return_before_training_and_never_negative() -> None:
    returns = np.array([[10.0, 6.0, 20.0], [-8.0, -16.0, -4.0], [4.0, 5.0, 6.0], [0.0, -1.0, 2.0]])
    np.testing.assert_allclose(dip_depth(returns, -math.inf), [0.4, 1.0, 0.0, np.nan])


def test_dip_counts_for_the_runs_that_start_above_the_least() -> None:
    returns = np.array([[10.0, 6.0], [5.0, 1.0], [4.9, 0.0]])
    np.testing.assert_allclose(dip_depth(returns, 4.95), [0.4, 0.8, np.nan])
    np.testing.assert_allclose(dip_depth(returns, 5.0), [0.4, np.nan, np.nan])
    assert np.all(np.isnan(dip_depth(returns, math.nan)))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"returns must be \(num_runs, num_evals\)"):
        area_under_curve(STEPS, RETURNS[:, :2])
    with pytest.raises(ValueError, match="must start at 0 and rise"):
        area_under_curve(STEPS[::-1], RETURNS)


@given(
    heights=st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=8),
    shift=st.floats(-1e3, 1e3),
    scale=st.floats(0.1, 10.0),
)
def test_metrics_follow_units_of_return_and_steps(heights: list[float], shift: float, scale: float) -> None:
    returns = np.array([heights])
    steps = np.arange(len(heights), dtype=np.float64)
    for metric in (area_under_curve, asymptotic_return):
        expected = scale * metric(steps, returns) + shift
        np.testing.assert_allclose(metric(7.0 * steps, scale * returns + shift), expected, rtol=1e-9, atol=1e-6)
    limit = float(np.mean(heights))
    np.testing.assert_allclose(
        time_to_threshold(7.0 * steps, returns, limit), 7.0 * time_to_threshold(steps, returns, limit)
    )
