"""Task classes of one's own: where their modules are found, and what is said when they are not what a Task is."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
import yaml
from small_runs import small_content

from envs import ENVS, Domain, DomainVectorEnv, EnvsError, Fidelity, environment, make_vec
from envs.tasks.task import check_arrays
from envs.user_tasks import import_from
from sim2real.bench import load_bench_config
from sim2real.cli import commands as cli
from sim2real.config.config import load_config
from sim2real.errors import UserError

ROBOT = """
<mujoco>
  <worldbody><body name="cart"><joint name="slide" type="slide" axis="1 0 0"/><geom size="0.1"/></body></worldbody>
  <actuator><motor name="push" joint="slide" ctrlrange="-1 1"/></actuator>
</mujoco>
"""
ON_THE_INSTANCE = """
from envs import Fidelity
from tests.envs.tasks.test_user_tasks import Cart


class Late(Cart):
    def __init__(self, *, frames: float = 2.0):
        self.frame_skip, self.max_episode_steps = int(frames), 50
        self.cheap, self.observation_names = Fidelity(), ("x", "v")


class Broken(Cart):
    def __init__(self):
        raise KeyError("no such file")


class Lazy(Cart):
    frame_skip, max_episode_steps, cheap, observation_names = 2, 50, Fidelity(), ("x", "v")

    def spec(self):
        import {helper}

        return super().spec()
"""


class Cart:
    """What all tasks here share; its attributes are the subclasses' business."""

    def spec(self) -> mujoco.MjSpec:
        return mujoco.MjSpec.from_string(ROBOT)

    def reset(self, physics: Any, ids: Any, draws: Any) -> None:
        pass

    def observe(self, physics: Any) -> Any:
        return np.concatenate((physics.qpos, physics.qvel), axis=1)

    def measure(self, physics: Any) -> Any:
        return {"x": physics.qpos[:, 0].copy()}

    def reward(self, before: Any, after: Any, physics: Any, action: Any) -> Any:
        return {"reward_x": after["x"] - before["x"]}

    def info(self, before: Any, after: Any, physics: Any) -> Any:
        return {}

    def terminated(self, physics: Any) -> Any:
        return np.zeros(physics.num_envs, np.bool_)


class Whole(Cart):
    """A task."""

    frame_skip, max_episode_steps, cheap, observation_names = 2, 50, Fidelity(), ("x", "v")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Write a module and its helper into the folder `mine`; the working directory is another one. Give its name."""
    name = f"robot_{tmp_path.name.replace('-', '_')}"
    for folder in ("mine", "elsewhere"):
        (tmp_path / folder).mkdir()
    (tmp_path / "mine" / f"{name}.py").write_text(ON_THE_INSTANCE.format(helper=f"{name}_helper"))
    (tmp_path / "mine" / f"{name}_helper.py").write_text("")
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield name
    for loaded in (name, f"{name}_helper"):
        sys.modules.pop(loaded, None)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return tmp_path / "mine"


# Where modules are found


def test_attributes_may_be_set_when_the_task_is_made(module: str, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mine)
    env = make_vec(f"{module}:Late", num_envs=2, seed=0, num_threads=1, frames=3)
    assert (env.physics.substeps, env.reset()[0].shape) == (3, (2, 2))
    with pytest.raises(EnvsError, match=r"frames: must be a finite number, got 'many' .option of \w+:Late"):
        make_vec(f"{module}:Late", num_envs=2, frames="many")
    with pytest.raises(EnvsError, match=r"'\w+:Broken': cannot be made with options \{\}: KeyError: 'no such file'"):
        make_vec(f"{module}:Broken", num_envs=2)
    with pytest.raises(
        EnvsError,
        match=r"Cart is no Task, it lacks frame_skip, .*observation_groups; see envs",
    ):
        make_vec(f"{module}:Cart", num_envs=2)


def test_a_module_beside_it_may_be_imported_later(module: str, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mine)
    task = environment(f"{module}:Lazy").make_task()
    monkeypatch.chdir("/")
    env = DomainVectorEnv(task, num_envs=2, seed=0, num_threads=1)
    assert env.reset()[0].shape == (2, 2)


def test_a_folder_is_searched_last_and_once(module: str, mine: Path) -> None:
    before = [*sys.path]
    with pytest.raises(EnvsError, match=f"fails to import: ModuleNotFoundError.*{Path.cwd()}.*PYTHONPATH"):
        environment(f"{module}:Late")
    for folder in (mine, mine, mine / ".." / "mine"):
        import_from(folder)
    assert sys.path == [*before, str(Path.cwd()), str(mine)]
    assert environment(f"{module}:Late").make_task().frame_skip == 2


def small(mine: Path, module: str, task: str = "Late") -> Path:
    """Write a configuration beside the module."""
    file = mine / "small.yaml"
    content = small_content(env=f"{module}:{task}", source={}, targets={"heavy": {"shift": "heavy"}})
    file.write_text(yaml.safe_dump(content))
    return file


def test_a_module_beside_the_configuration_is_found_from_anywhere(
    module: str, mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = small(mine, module, "Lazy")
    monkeypatch.setattr(sys, "argv", ["sim2real", "pretrain", str(file), "--out", "run"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code, capsys.readouterr().err
    assert yaml.safe_load(Path("run/config.resolved.yaml").read_text())["env"] == f"{module}:Lazy"  # no place
    assert load_config(Path("run/config.resolved.yaml")) == load_config(file)


def test_a_benchmark_finds_it_too(module: str, mine: Path) -> None:
    small(mine, module)
    bench = {"name": "b", "environments": ["small.yaml"], "targets": ["heavy"], "methods": ["scratch"], "seeds": [0]}
    (mine / "bench.yaml").write_text(yaml.safe_dump({**bench, "default_method": "scratch"}))
    config = load_bench_config(mine / "bench.yaml").run_config("small.yaml", 0, mine)
    assert config.env == f"{module}:Late"
    assert str(mine) in sys.path


def test_a_module_that_is_nowhere_is_one_error(module: str, mine: Path) -> None:
    with pytest.raises(UserError, match=r"small.yaml: .*'absent' fails to import: ModuleNotFoundError"):
        load_config(small(mine, "absent"))


# What a task must return


def physics_of(task: Any, num_envs: int = 3) -> Any:
    return DomainVectorEnv(task, num_envs=num_envs, seed=0, num_threads=1).physics


@pytest.mark.parametrize("env", [*ENVS, "gym:Hopper-v5"])
def test_every_environment_keeps_the_rules(env: str) -> None:
    worlds = make_vec(env, num_envs=2, seed=0, num_threads=1)
    before = {name: values.copy() for name, values in worlds.physics.get_state().items()}
    check_arrays(worlds.task, worlds.physics)
    for name, values in worlds.physics.get_state().items():
        np.testing.assert_array_equal(values, before[name])
    worlds.reset(seed=0)
    check_arrays(worlds.task, worlds.physics)


def broken(method: str, answer: Any) -> Any:
    """Return a task whose `method` answers with `answer(physics)`, or raises what it raises."""
    place = {"reset": 0, "observe": 0, "measure": 0, "terminated": 0, "reward": 2, "info": 2}[method]
    return type("Mine", (Whole,), {method: lambda self, *arguments: answer(arguments[place])})()


@pytest.mark.parametrize(
    ("method", "answer", "message"),
    [
        (
            "observe",
            lambda p: np.zeros((3, 5)),
            r"floating-point numbers \(3, 2\).*observation_names; got float64 \(3, 5",
        ),
        ("observe", lambda p: p.qpos[:, 0], r"\(3, 2\).*got float64 \(3,\)"),
        ("observe", lambda p: np.zeros((3, 2), int), r"floating-point numbers .*got int64 \(3, 2\)"),
        ("observe", lambda p: [[0.0, 0.0]] * 3, "got list"),
        ("observe", lambda p: p.absent, "raises AttributeError: .*absent"),
        ("reset", lambda p: p.absent, "raises AttributeError: .*absent"),
        ("reset", lambda p: p.qpos.__setitem__(([1, 2], 0), np.zeros((2, 1))), "raises ValueError: .*broadcast"),
        ("measure", lambda p: p.qpos, r"must return a dict of names to arrays, got float64 \(3, 1\)"),
        ("measure", lambda p: {"x": np.zeros(2)}, r"'x' must be an array of numbers \(3, ...\), .*got float64 \(2,\)"),
        ("measure", lambda p: {"x": 0.0}, r"'x' must be .* got float"),
        ("reward", lambda p: {"reward_x": p.qpos}, r"'reward_x' .* \(3,\), num_envs; got float64 \(3, 1\)"),
        ("reward", lambda p: np.zeros(3), r"a dict of names to arrays, got float64 \(3,\)"),
        ("reward", lambda p: {"reward_x": np.array(["a"] * 3)}, r"'reward_x' must be an array of numbers .*got <U1"),
        ("reward", lambda p: {}["speed"], "raises KeyError: 'speed'"),
        ("info", lambda p: {"x": np.float64(1)}, r"'x' must be an array of numbers \(3, ...\), num_envs; got float64$"),
        ("terminated", lambda p: np.zeros(3), r"an array of bool \(3,\), num_envs; got float64 \(3,\)"),
        ("terminated", lambda p: np.zeros((3, 1), bool), r"\(3,\), num_envs; got bool \(3, 1\)"),
        ("terminated", lambda p: False, "got bool$"),
    ],
)
def test_what_a_task_returns_wrongly_is_told_by_class_and_method(method: str, answer: Any, message: str) -> None:
    with pytest.raises(EnvsError, match=rf"^Mine\.{method}: .*{message}"):
        check_arrays(broken(method, answer), physics_of(Whole()))


def test_several_columns_are_right_where_they_may_be() -> None:
    physics = physics_of(Whole())
    for method in ("measure", "info"):
        answer = {"x": physics.qpos[:, 0].copy(), "all": physics.qpos.copy(), "fast": physics.qvel[:, 0] > 1}
        check_arrays(broken(method, lambda p, answer=answer: answer), physics)
    before = physics.get_state()["rows"]
    check_arrays(broken("observe", lambda p: np.zeros((3, 2), np.float32)), physics)
    check_arrays(broken("reset", lambda p: p.qpos.fill(0.5)), physics)
    np.testing.assert_array_equal(physics.get_state()["rows"], before)  # asking leaves the worlds as they were


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda: {}["robot"], "Mine: its model cannot be loaded: KeyError: 'robot'"),
        (lambda: mujoco.MjSpec.from_file("absent.xml"), "Mine: its model cannot be loaded: ValueError: .*absent.xml"),
        (lambda: ROBOT, r"Mine\.spec: must return a mujoco.MjSpec, got str"),
    ],
)
def test_what_spec_raises_is_told_with_its_name(answer: Any, message: str) -> None:
    task = type("Mine", (Whole,), {"spec": lambda self: answer()})()
    with pytest.raises(EnvsError, match=message):
        DomainVectorEnv(task, num_envs=1)


TYPO = ROBOT.replace("</actuator>", '<motor joint="absent"/></actuator>')
IDLE = re.sub("<actuator>.*</actuator>", "", ROBOT, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("robot", "message"),
    [
        (TYPO, "the model does not compile: .*absent"),  # a copy of its spec compiles, without the motor
        (IDLE, "Mine: its model has no actuators"),
    ],
)
def test_a_model_that_lacks_what_it_should_have_is_refused(robot: str, message: str) -> None:
    task = type("Mine", (Whole,), {"spec": lambda self: mujoco.MjSpec.from_string(robot)})()
    with pytest.raises(EnvsError, match=message):
        DomainVectorEnv(task, num_envs=1)


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("frame_skip", "2", r"Mine\.frame_skip: must be a whole number >= 1, got '2'"),
        ("frame_skip", 0, r"Mine\.frame_skip: must be a whole number >= 1, got 0"),
        ("max_episode_steps", "50", r"Mine\.max_episode_steps: must be a whole number >= 1, got '50'"),
        ("observation_names", None, r"Mine\.observation_names: must be a tuple of names, got None"),
        ("cheap", None, r"Mine\.cheap: must be a Fidelity, got None"),
    ],
)
def test_an_attribute_of_the_wrong_kind_is_told_by_name(attribute: str, value: Any, message: str) -> None:
    with pytest.raises(EnvsError, match=message):
        DomainVectorEnv(type("Mine", (Whole,), {attribute: value})(), num_envs=1)


class Unsound(Whole):
    """A task whose worlds are, now and then, not finite when they start."""

    share = 0.3

    def reset(self, physics: Any, ids: Any, draws: Any) -> None:
        physics.qpos[ids] = np.where(draws.random(1) < self.share, 0.5, 0.25)

    def observe(self, physics: Any) -> Any:
        return np.where(physics.qpos == 0.5, np.nan, super().observe(physics))


def test_a_world_that_is_not_finite_when_it_starts_is_a_fault_and_drawn_anew() -> None:
    worlds = DomainVectorEnv(Unsound(), num_envs=200, seed=0, num_threads=1)
    obs, _ = worlds.reset(seed=0)
    assert (obs[:, 0] == 0.25).all()
    assert 60 <= worlds.num_faults <= 120  # 0.3 / 0.7 of 200 in the mean: 86
    Unsound.share = 1.0
    try:
        with pytest.raises(EnvsError, match="'x' is not finite when an episode starts, 10 times in a row"):
            worlds.reset()
    finally:
        Unsound.share = 0.3


def test_a_reading_that_its_sensor_makes_infinite_is_a_fault() -> None:
    domain = {"parameters": {"observation_scale": {"set": 1e308}, "observation_bias": {"set": 1.0}}}
    worlds = DomainVectorEnv(Whole(), Domain.parse(domain), num_envs=2, seed=0, num_threads=1)
    worlds.reset(seed=0)
    worlds.physics.qvel[0] = 50.0
    obs, reward, _, truncated, infos = worlds.step(np.zeros((2, 1), np.float32))
    assert infos["fault"].tolist() == truncated.tolist() == [True, False]
    assert np.isfinite(obs).all()
    assert np.isfinite(reward).all()
