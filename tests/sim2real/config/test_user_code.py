"""Modules of the user's own: each finds what lies beside it, and a run knows all files that it was made with."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from small_runs import small_content

from sim2real.cli import commands as cli
from sim2real.config.code_files import files_of
from sim2real.config.config import load_config
from sim2real.config.user_code import find_module, use_code
from sim2real.errors import UserError
from sim2real.runs.run import RunDirectory
from tests.envs.tasks.test_user_environments import ROBOT, TASK

ROBOT_PY = """
import importlib
import importlib.util as util

def statement():
    import sub.deep
    return sub.deep.PAY

def from_statement():
    from sub import deep
    return deep.PAY

def by_name():
    return importlib.import_module("helper").PAY

def by_imported_function():
    from importlib import import_module
    assert importlib.util is util and importlib.import_module("json") is __import__("json")
    return import_module("sub.deep").PAY

def leave():
    raise SystemExit(3)

def by_exec():
    found = {}
    exec("import helper", globals(), found)
    return found["helper"].PAY
"""
WAYS = ("statement", "from_statement", "by_name", "by_imported_function", "by_exec")


@pytest.fixture(autouse=True)
def own_modules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Leave no folder and no module behind."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("/") or name.partition(".")[0] in ("robot", "helper", "sub"):
            del sys.modules[name]


def take(folder: Path) -> ModuleType:
    """Import the robot of a folder as a configuration there does."""
    file = find_module("robot", [folder], "here")
    assert file is not None
    use_code({"robot": file})
    return importlib.import_module(file.import_name)


@pytest.mark.parametrize("first", [None, "a", "b"])
def test_modules_of_two_folders_find_what_lies_beside_them(
    first: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also folders without `__init__.py`, and where one of the two is on Python's path and used there already."""
    for name, pay in (("a", 1.0), ("b", 50.0)):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "robot.py").write_text(ROBOT_PY)
        for file in ("helper.py", "sub/deep.py"):
            (tmp_path / name / file).write_text(f"PAY = {pay}\n")
    if first is not None:
        monkeypatch.syspath_prepend(tmp_path / first)
        importlib.import_module("sub.deep")
        importlib.import_module("helper")
    a, b = take(tmp_path / "a"), take(tmp_path / "b")
    found = {way: (getattr(a, way)(), getattr(b, way)(), getattr(a, way)()) for way in WAYS}
    assert found == dict.fromkeys(WAYS, (1.0, 50.0, 1.0))
    if first is None:
        with pytest.raises(
            ImportError, match=r"'helper' lies in .*: \S*/a/helper.py and \S*/b/helper.py; .* rename one"
        ):
            importlib.import_module("helper")


def test_a_run_knows_the_files_that_its_module_reads(tmp_path: Path) -> None:
    own = "import helper\nfrom parts import arm\n" + TASK + "\ndef late():\n    import lazy\n"
    (tmp_path / "parts").mkdir()
    texts = {
        "robot.py": own,
        "robot.xml": ROBOT,
        "c.yaml": yaml.safe_dump(small_content(env="robot:Cart", source={})),
        "helper.py": "",
        "lazy.py": "import json, helper, envs",
        "unused.py": "",
        "parts/arm.py": 'import importlib\nNAME = "arm.xml"\nimportlib.import_module("named")',
        "parts/arm.xml": '<mujoco><include file="leg.xml"/></mujoco>',
        "parts/leg.xml": "<mujoco/>",
        "named.py": "",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    config = load_config(tmp_path / "c.yaml")
    read = sorted(set(texts) - {"robot.py", "c.yaml", "unused.py"})
    assert sorted(files_of(config.code["robot"], {})) == read
    identity = {"kind": "pretrain", "parent": None}
    run = RunDirectory.create(tmp_path / "run", config, identity, resume=False)
    assert RunDirectory.open(run.path).config() == config
    (tmp_path / "unused.py").write_text("# changed")
    RunDirectory.create(run.path, config, identity, resume=True)
    for name in read:
        (tmp_path / name).write_text("# changed")
        with pytest.raises(
            UserError, match=rf"{name} \(sha256 \w+, it was \w+\); nothing of it was executed: .*--trust"
        ):
            RunDirectory.open(run.path).config()
        with pytest.raises(UserError, match=rf"other files beside module 'robot': \S*{name} .*; put them back"):
            RunDirectory.create(run.path, config, identity, resume=True)
        (tmp_path / name).write_text(texts[name])
    assert RunDirectory.open(run.path).config() == config


def test_an_exit_of_a_users_code_is_said_to_be_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "robot.py").write_text(ROBOT_PY)
    for app, arguments, code in ((take(tmp_path).leave, [], 2), (cli.app, ["--help"], 0), (cli.app, ["--odd"], 2)):
        monkeypatch.setattr(cli, "app", app)
        monkeypatch.setattr(sys, "argv", ["sim2real", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert (end.value.code or 0) == code
        found = capsys.readouterr().err
        assert ("robot.py, line 22, in leave: ends the process by SystemExit(3)" in found) == (not arguments), found
