"""Distributions: quantiles within the support, means in closed form, and errors that say what would be valid."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import truncnorm

from envs import EnvsError
from envs.domain.distributions import (
    DISTRIBUTIONS,
    Choice,
    Constant,
    Distribution,
    LogUniform,
    Normal,
    Uniform,
    parse_distribution,
)

numbers = st.floats(-1e6, 1e6)
positive = st.floats(1e-6, 1e6)
intervals = st.tuples(numbers, numbers).map(sorted)
distributions = st.one_of(
    numbers.map(Constant),
    intervals.map(lambda ends: Uniform(*ends)),
    st.tuples(positive, positive).map(sorted).map(lambda ends: LogUniform(*ends)),
    st.builds(
        lambda mean, sd, ends: Normal(mean, sd, *ends),
        numbers,
        positive,
        intervals.filter(lambda ends: ends[0] < ends[1]),
    ),
    st.lists(numbers, min_size=1, max_size=5).map(lambda values: Choice(tuple(values))),
)
quantiles = st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=20).map(sorted)
midpoints = (np.arange(200_000) + 0.5) / 200_000


@given(distributions, quantiles)
def test_quantiles_lie_in_the_support_in_order(distribution: Distribution, u: list[float]) -> None:
    values = distribution.ppf(np.array([0.0, *u, 1 - 2**-53]))
    low, high = distribution.support()
    assert (values >= low).all()
    assert (values <= high).all()
    if not isinstance(distribution, Choice):  # whose values stand in the order they were written
        assert (np.diff(values) >= 0).all()


@given(distributions)
def test_reads_back_what_it_writes(distribution: Distribution) -> None:
    mapping = distribution.to_mapping()
    assert parse_distribution(mapping, "here") == distribution
    assert parse_distribution(mapping, "here").to_mapping() == mapping


@given(st.one_of(numbers.map(lambda mean: Normal(mean, 2.0)), numbers.map(lambda low: Normal(0.0, 1.0, low))))
def test_open_ended_normal_reads_back(distribution: Normal) -> None:
    assert parse_distribution(distribution.to_mapping(), "here") == distribution


@given(distributions)
def test_any_shape(distribution: Distribution) -> None:
    u = np.full((2, 3), 0.25)
    assert distribution.ppf(u).shape == (2, 3)
    assert distribution.ppf(u).dtype == np.float64
    assert (u == 0.25).all()


@pytest.mark.parametrize(
    ("distribution", "mean"),
    [
        (Constant(3.0), 3.0),
        (Uniform(-1.0, 4.0), 1.5),
        (LogUniform(0.5, 2.0), 1.5 / math.log(4)),  # (high - low) / log(high / low)
        (Normal(1.0, 0.5), 1.0),
        (Normal(0.0, 1.0, 0.0), math.sqrt(2 / math.pi)),  # the half-normal's
        (Normal(1.0, 0.5, 0.8, 2.5), truncnorm.mean(-0.4, 3.0, loc=1.0, scale=0.5)),
        (Normal(1.0, 0.5, 1.4, 1.5), truncnorm.mean(0.8, 1.0, loc=1.0, scale=0.5)),
        (Choice((1.0, 2.0, 6.0)), 3.0),
    ],
)
def test_mean_is_the_closed_form(distribution: Distribution, mean: float) -> None:
    assert distribution.ppf(midpoints).mean() == pytest.approx(mean, rel=1e-4)


def test_quantiles_of_the_truncated_normal_are_scipys() -> None:
    u = np.linspace(0.001, 0.999, 999)
    expected = truncnorm.ppf(u, -0.4, 3.0, loc=1.0, scale=0.5)
    np.testing.assert_allclose(Normal(1.0, 0.5, 0.8, 2.5).ppf(u), expected, rtol=1e-9)


def test_choice_gives_each_value_the_same_share() -> None:
    values, counts = np.unique(Choice((1.0, 2.0, 6.0)).ppf(np.arange(3000) / 3000), return_counts=True)
    assert values.tolist() == [1.0, 2.0, 6.0]
    assert counts.tolist() == [1000, 1000, 1000]


@pytest.mark.parametrize(
    ("value", "described"),
    [
        (1.5, "1.5"),
        ({"uniform": [0.7, 1.3]}, "uniform(0.7, 1.3)"),
        ({"loguniform": [0.5, 2]}, "loguniform(0.5, 2)"),
        ({"normal": [1, 0.1]}, "normal(1, 0.1)"),
        ({"normal": [1, 0.1, 0.5, 2]}, "normal(1, 0.1, 0.5, 2)"),
        ({"choice": [0, 1, 2]}, "choice(0, 1, 2)"),
    ],
)
def test_describe_is_what_a_person_writes(value: Any, described: str) -> None:
    assert parse_distribution(value, "here").describe() == described


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0.5", r"key: expected a number or one of {uniform, loguniform, normal, choice: \[...\]}, got '0.5'"),
        (True, "key: expected a number .*, got True"),
        (float("nan"), "key: expected a number .*, got nan"),
        (float("inf"), "key: expected a number .*, got inf"),
        ([0.7, 1.3], "key: expected a number .*, got "),
        ({}, "key: expected a number .*, got {}"),
        ({"uniform": [0, 1], "normal": [0, 1]}, "key: expected a number .*"),
        (
            {"unifrom": [0, 1]},
            r"key: unknown distribution 'unifrom' \(did you mean 'uniform'\?\); valid: choice, loguniform, ",
        ),
        ({"uniform": 3}, "key.uniform: expected a list of numbers, got 3"),
        ({"uniform": [0, "1"]}, r"key.uniform: expected a list of numbers, got \[0, '1'\]"),
        ({"choice": [float("nan")]}, r"key.choice: expected a list of numbers, got \[nan\]"),
        ({"uniform": [0]}, r"key.uniform: expected \[low, high\], got \[0\]"),
        ({"uniform": [0, 1, 2]}, r"key.uniform: expected \[low, high\], got \[0, 1, 2\]"),
        ({"normal": [1]}, r"key.normal: expected \[mean, sd, low, high\], got \[1\]"),
        ({"uniform": [1.3, 0.7]}, r"key: uniform\(1.3, 0.7\): must have low <= high"),
        ({"loguniform": [0, 1]}, r"key: loguniform\(0, 1\): must have 0 < low <= high"),
        ({"loguniform": [2, 1]}, r"key: loguniform\(2, 1\): must have 0 < low <= high"),
        ({"normal": [1, 0]}, r"key: normal\(1, 0\): must have sd > 0 \(a fixed value is written as a plain number\)"),
        ({"normal": [1, 1, 2, 2]}, r"key: normal\(1, 1, 2, 2\): must have low < high"),
        ({"choice": []}, r"key: choice\(\): must have at least one value"),
    ],
)
def test_errors_name_key_value_rule_and_choices(value: Any, message: str) -> None:
    with pytest.raises(EnvsError, match=message):
        parse_distribution(value, "key")


def test_a_normal_with_a_high_end_alone_is_refused() -> None:
    with pytest.raises(EnvsError, match="must have a low end if it has a high one"):
        Normal(0.0, 1.0, high=2.0)  # as a list of numbers it would read back as a low end


def test_every_distribution_has_a_name_in_yaml() -> None:
    assert {"uniform": Uniform, "loguniform": LogUniform, "normal": Normal, "choice": Choice} == DISTRIBUTIONS
