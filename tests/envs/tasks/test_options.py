"""Options of tasks: what YAML gives is taken, what breaks a rule is refused by name, value and rule."""

import inspect
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from small_runs import CONTENT

from envs import ENVS, EnvsError, environment, make, make_vec
from envs.check import Gate
from envs.options import KINDS, Range, read_options
from sim2real.config.config import RunConfig, validate
from sim2real.errors import UserError
from sim2real.runs.building import build_worlds


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
        make_vec("half_cheetah", num_envs=1, seed=0, ctrl_cost_weight=value)


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
    env = make_vec(
        "hopper", num_envs=2, seed=0, num_threads=1, healthy_z_range=[5, math.inf], healthy_state_range=[-1e9, 1e9]
    )
    env.reset()
    assert env.step(np.zeros((2, 3), np.float32))[2].all()  # nobody stands 5 m high


ARGUMENTS = (
    *("name", "num_envs", "domain", "seed", "num_threads", "max_episode_steps"),
    *("autoreset_mode", "render_mode", "task_options", "env", "caller", "options", "self_"),
)
NAMED_ALIKE = f"""
from envs.tasks import CartpoleSwingup


class Mine(CartpoleSwingup):
    def __init__(self, *, {", ".join(f"{name}: object = None" for name in ARGUMENTS)}):
        super().__init__()
        self.given = locals()
"""


@pytest.fixture
def named_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A task with an option of every name that an argument of a function that builds worlds has."""
    module = f"alike_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{module}.py").write_text(NAMED_ALIKE)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    return f"{module}:Mine"


def test_an_option_may_be_called_like_an_argument(named_alike: str) -> None:
    options = {name: f"own {name}" for name in ARGUMENTS}
    for task in (
        make_vec(named_alike, num_envs=2, seed=3, num_threads=1, task_options=options).task,
        make(named_alike, task_options=options).vector.task,
        Gate(named_alike, seed=1, num_threads=1, task_options=options).task,
        environment(named_alike).make_task(**options),
    ):
        assert {name: task.given[name] for name in ARGUMENTS} == options  # type: ignore[attr-defined]
    worlds = make_vec(named_alike, num_envs=2, seed=3, num_threads=1, max_episode_steps=4, task_options={"seed": 5})
    plain = make_vec("cartpole_swingup", num_envs=2, seed=3, num_threads=1)
    np.testing.assert_array_equal(worlds.reset()[0], plain.reset()[0])  # the worlds' seed is make_vec's own
    assert worlds.max_episode_steps == 4
    assert make_vec(named_alike, num_envs=1, env="one", name="two").task.given["name"] == "two"


def test_a_configuration_gives_its_options_to_the_task(named_alike: str) -> None:
    content = {**CONTENT, "env": named_alike, "task": {"seed": 3, "domain": "kitchen", "max_episode_steps": 9}}
    config = validate(RunConfig, content, "test")
    domain = config.source_domain(config.make_task())
    worlds = build_worlds(config, domain, config.agent.settings, num_envs=2, role="source", num_threads=1)
    given = {name: value for name, value in worlds.task.given.items() if value is not None}
    assert given.items() >= {"seed": 3, "domain": "kitchen", "max_episode_steps": 9}.items()
    with pytest.raises(UserError, match="unknown option of sim2real/CartpoleSwingup-v0 'seed'; valid: centered_weight"):
        validate(RunConfig, {**CONTENT, "task": {"seed": 3}}, "test")


def test_an_option_is_given_once() -> None:
    with pytest.raises(EnvsError, match="option 'healthy_reward': given twice, in task_options and as a keyword"):
        make_vec("hopper", num_envs=1, task_options={"healthy_reward": 1.0}, healthy_reward=2.0)


def test_a_time_limit_as_an_option_of_a_gymnasium_environment() -> None:
    limits = {30: 30, -1: 1000, None: 1000}
    for option, expected in limits.items():
        worlds = make_vec("gym:Hopper-v5", num_envs=1, task_options={"max_episode_steps": option})
        assert worlds.max_episode_steps == worlds.task.max_episode_steps == expected
    own = make_vec("gym:Hopper-v5", num_envs=1, max_episode_steps=None, task_options={"max_episode_steps": 30})
    assert own.max_episode_steps is None
    for wrong in (0, -2, 2.5, "many", True):
        with pytest.raises(EnvsError, match=rf"option max_episode_steps must be a whole number >= 1, .*got {wrong!r}"):
            make_vec("gym:Hopper-v5", num_envs=1, task_options={"max_episode_steps": wrong})
    with pytest.raises(EnvsError, match="'id' cannot be an option"):
        make_vec("gym:Hopper-v5", num_envs=1, id="Ant-v5")
    with pytest.raises(EnvsError, match=r"cannot be made with options \{'env_id': 'Ant-v5'\}"):
        make_vec("gym:Hopper-v5", num_envs=1, env_id="Ant-v5")
