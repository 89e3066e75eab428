"""`gym:<package>:<id>`: environments that a package of the user's registers, in Python and from the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import yaml

from envs import DomainVectorEnv, EnvsError, environment, make_vec
from sim2real.cli import commands as cli

PACKAGE = """
import gymnasium
from gymnasium.envs.mujoco.inverted_pendulum_v5 import InvertedPendulumEnv

gymnasium.register("Cart{suffix}-v0", entry_point=InvertedPendulumEnv, max_episode_steps=7)
"""
CONTENT: dict[str, Any] = {
    "source": {"parameters": {"body_mass": {"scale": {"uniform": [0.8, 1.2]}}}},
    "targets": {"heavy": {"parameters": {"body_mass": {"scale": 1.5}}}},
    "agent": {"num_envs": 2, "settings": {"num_steps": 16, "batch_size": 32, "num_epochs": 1}},
    "transfer": {"num_envs": 2},
    "budget": {
        **{"source_steps": 64, "target_steps": 64, "evaluations": 1, "source_evaluations": 1},
        **{"eval_episodes": 2, "checkpoints": 1},
    },
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder with a package that registers an environment, which is not on Python's path; and its name."""
    suffix = "".join(c for c in tmp_path.name if c.isalnum())
    name, folder = f"robots_{suffix}", tmp_path / "home"
    folder.mkdir()
    (folder / f"{name}.py").write_text(PACKAGE.format(suffix=suffix))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    yield folder, f"gym:{name}:Cart{suffix}-v0"
    sys.modules.pop(name, None)
    gymnasium.registry.pop(f"Cart{suffix}-v0", None)


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["sim2real", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return int(stop.value.code or 0)


def test_a_package_in_the_working_directory(
    package: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, env = package
    with pytest.raises(EnvsError, match=r"its package 'robots_\w+' fails to import: ModuleNotFoundError.*PYTHONPATH"):
        make_vec(env, num_envs=1)
    assert command(monkeypatch, "check", env, "--shift", "heavy") == 2
    assert "not registered with Gymnasium, as its package" in capsys.readouterr().err
    monkeypatch.chdir(folder)
    worlds = make_vec(env, num_envs=2, seed=0)
    assert worlds.max_episode_steps == 7
    assert isinstance(worlds, DomainVectorEnv)
    same = make_vec("gym:InvertedPendulum-v5", num_envs=2, seed=0)
    np.testing.assert_array_equal(worlds.reset()[0], same.reset()[0])


def test_every_command_takes_a_package_beside_the_configuration(
    package: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, env = package
    config = folder / "cart.yaml"
    config.write_text(yaml.safe_dump({"env": env, **CONTENT}))
    assert command(monkeypatch, "pretrain", config, "--out", "source") == 0, capsys.readouterr().err
    assert command(monkeypatch, "evaluate", "source", "--episodes", 2) == 0
    transfer = ("transfer", "source", "--target", "heavy", "--method", "fine_tune", "--out", "target")
    assert command(monkeypatch, *transfer) == 0
    assert yaml.safe_load(Path("source/config.resolved.yaml").read_text())["env"] == env


def test_a_package_that_raises_is_named_with_its_reason(package: tuple[Path, str]) -> None:
    folder, env = package
    sys.path.append(str(folder))
    (folder / f"{env.split(':')[1]}.py").write_text("raise RuntimeError('no such motor')")
    with pytest.raises(EnvsError, match=r"package 'robots_\w+' fails to import: RuntimeError: no such motor"):
        make_vec(env, num_envs=1)


def test_a_package_without_the_environment(package: tuple[Path, str]) -> None:
    folder, env = package
    sys.path.append(str(folder))
    with pytest.raises(EnvsError, match=r"gym:robots_\w+:Other-v0: not registered with Gymnasium"):
        make_vec(f"{env.rpartition(':')[0]}:Other-v0", num_envs=1)


def test_a_bare_id_imports_nothing_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory may be a run of somebody else's, with a file that is called like a package that we look for."""
    mark = tmp_path / "mark"
    (tmp_path / "gymnasium_robotics.py").write_text(f"open({str(mark)!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(EnvsError, match=r"^gym:NoSuchReach-v0: not registered"):
        environment("gym:NoSuchReach-v0").make_task()
    assert not mark.exists()
    assert str(tmp_path) not in sys.path
