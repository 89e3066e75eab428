"""Options of tasks: what YAML gives is taken, what breaks a rule is refused by name, value and rule."""

import inspect
import math
from typing import Any

import numpy as np
import pytest
import yaml

from envs import ENVS, EnvsError, environment, make_vec
from envs.options import KINDS, Range, read_options


class Example:
    """Stands for a task; `tag` is of a kind that only the class itself knows."""

    def __init__(self, *, weight: float = 1.0, span: Range = (0.0, 1.0), tag: str = "") -> None:
        self.given = (weight, span, tag)


@pytest.mark.parametrize("name", ENVS)
def test_every_option_has_a_rule_that_its_default_keeps(name: str) -> None:
    for parameter in inspect.signature(environment(name).task, eval_str=True).parameters.values():
        assert parameter.annotation in KINDS, parameter.name
        assert KINDS[parameter.annotation].read(parameter.default) == parameter.default


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("span: [0, 3]", {"span": (0.0, 3.0)}),
        ("span: [0.7, .inf]", {"span": (0.7, math.inf)}),
        ("span: [-.inf, .inf]", {"span": (-math.inf, math.inf)}),
        ("weight: 2", {"weight": 2.0}),
        ("weight: -1.0e-3", {"weight": -1e-3}),
        ("tag: [anything]", {"tag": ["anything"]}),
    ],
)
def test_what_yaml_gives_is_taken(text: str, expected: dict[str, Any]) -> None:
    read = read_options(Example, yaml.safe_load(text), "Example")
    assert read == expected
    assert [type(value) for value in read.values()] == [type(value) for value in expected.values()]


def test_tuples_and_numpy_numbers_are_taken() -> None:
    read = read_options(Example, {"span": (np.float32(0.5), 2), "weight": np.int64(3)}, "Example")
    assert read == {"span": (0.5, 2.0), "weight": 3.0}


@pytest.mark.parametrize(
    "value", [3, "a", None, [1], [1, 2, 3], [2, 1], [1, 1], [0, True], [0, math.nan], ["a", 1], {}]
)
def test_a_range_is_two_rising_numbers(value: Any) -> None:
    with pytest.raises(EnvsError, match=r"^healthy_z_range: must be two numbers \[low, high\] with low < high.*got "):
        make_vec("hopper", num_envs=1, healthy_z_range=value)


@pytest.mark.parametrize("value", ["a", None, True, -1, -1e-9, math.inf, math.nan, [0.1], 10**400, {}])
@pytest.mark.parametrize("name", [n for n in ENVS if "reset_noise_scale" in inspect.signature(ENVS[n].task).parameters])
def test_noise_is_a_number_of_at_least_zero(name: str, value: Any) -> None:
    with pytest.raises(EnvsError, match=r"^reset_noise_scale: must be a finite number >= 0, got "):
        make_vec(name, num_envs=1, reset_noise_scale=value)


@pytest.mark.parametrize("value", ["a", None, False, math.inf, math.nan, [1], -(10**400)])
def test_a_weight_is_a_finite_number(value: Any) -> None:
    with pytest.raises(
        EnvsError, match=r"^ctrl_cost_weight: must be a finite number, got .* \(option of sim2real/Half"
    ):
        make_vec("half_cheetah", num_envs=1, ctrl_cost_weight=value)


@pytest.mark.parametrize("value", [1, 0, "yes", None, []])
def test_a_switch_is_true_or_false(value: Any) -> None:
    with pytest.raises(EnvsError, match=r"^terminate_when_unhealthy: must be true or false, got "):
        make_vec("hopper", num_envs=1, terminate_when_unhealthy=value)


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("1e-4", "1.0e-4"),
        ("1e4", "1.0e+4"),
        ("-2.5e3", "-2.5e+3"),
        ("'0.5'", "0.5"),
        ("inf", ".inf"),
        ("-inf", "-.inf"),
    ],
)
def test_a_text_that_looks_like_a_number_is_corrected(written: str, right: str) -> None:
    value = yaml.safe_load(written)
    with pytest.raises(EnvsError) as error:
        read_options(Example, {"weight": value}, "Example")
    assert f"got {value!r}: that is a text, write {right} (" in str(error.value)
    with pytest.raises(EnvsError, match="that is a text, write"):
        read_options(Example, {"span": [0, value]}, "Example")
    assert float(yaml.safe_load(right)) == float(value)
    assert not isinstance(yaml.safe_load(right), str)


def test_options_reach_the_task() -> None:
    env = make_vec("hopper", num_envs=2, num_threads=1, healthy_z_range=[5, math.inf], healthy_state_range=[-1e9, 1e9])
    env.reset()
    assert env.step(np.zeros((2, 3), np.float32))[2].all()  # nobody stands 5 m high
