"""MuJoCo's messages go to logging: no file in the user's folder, no warning, nothing on the console."""

import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import mujoco
import numpy as np
import pytest

from envs import make_vec


def test_building_half_cheetah_warns_in_the_log_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.INFO, logger="envs.mujoco"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make_vec("half_cheetah", num_envs=1, seed=0, num_threads=1).reset()
    assert caught == []
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    records = [r for r in caplog.records if r.name == "envs.mujoco"]
    assert any("settotalmass" in r.getMessage() for r in records)
    assert {r.levelno for r in records} == {logging.INFO}


def test_a_diverging_world_warns_in_the_log_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    env = make_vec("hopper", num_envs=2, seed=0, num_threads=2)
    env.reset()
    with caplog.at_level(logging.INFO, logger="envs.mujoco"):
        for _ in range(3):
            env.physics.qvel[:] = 1e12
            env.step(np.zeros(env.action_space.shape, np.float32))
    assert env.num_faults == 6
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


SCRIPT = """
import logging, mujoco
logging.basicConfig(level=logging.INFO, format="LOGGED %(name)s: %(message)s")
from envs import make_vec
make_vec("half_cheetah", num_envs=1, seed=0, num_threads=1).reset()
ball = "<body><freejoint/><geom size='1'/></body>"
model = mujoco.MjModel.from_xml_string(f"<mujoco><worldbody>{ball}</worldbody></mujoco>")
data = mujoco.MjData(model)
data.qvel[0] = 1e20
mujoco.mj_step(model, data)
"""


def test_a_fresh_process_leaves_no_file_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", SCRIPT]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=_environ())
    assert result.returncode == 0, result.stderr
    assert list(tmp_path.iterdir()) == []
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines
    assert all(line.startswith("LOGGED envs.mujoco: ") for line in lines)
    assert any("QVEL" in line for line in lines)  # mujoco's own warning, raised in C


def test_a_handler_of_the_users_own_is_kept(tmp_path: Path) -> None:
    script = (
        "import mujoco\n"
        "mine = lambda message: None\n"
        "mujoco.set_mju_user_warning(mine)\n"
        "import envs\n"
        "assert mujoco.get_mju_user_warning() is mine\n"
    )
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, cwd=tmp_path, check=False, env=_environ()).returncode == 0


def _environ() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[3])
    return {**os.environ, "PYTHONPATH": root}


def test_the_handler_is_installed() -> None:
    assert mujoco.get_mju_user_warning() is not None
