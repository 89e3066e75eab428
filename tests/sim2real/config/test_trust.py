"""Names of modules in configurations and runs: nothing that somebody else chose is executed without --trust."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from gymnasium import spaces
from rich.console import Console
from small_runs import silent, small_config, small_content

from agents import AgentsError, EncoderSettings
from agents.networks.encoders import encoder_class
from envs import EnvsError, environment
from sim2real.bench import Bench, load_bench_config
from sim2real.cli import commands as cli
from sim2real.config.config import content_digest, load_config
from sim2real.errors import UserError
from sim2real.runs.pretraining import pretrain
from sim2real.runs.run import RunDirectory
from tests.envs.tasks.test_user_environments import ROBOT, TASK

EVIL = "from pathlib import Path\nPath({mark!r}).touch()\n"
BUDGET = {"source_steps": 128, "target_steps": 64, "evaluations": 1, "source_evaluations": 1, "eval_episodes": 2}


@pytest.fixture(autouse=True)
def own_modules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Work in an empty folder, and leave no folder and no module behind."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("/") or name in ("evil", "robot"):
            del sys.modules[name]


def project(folder: Path, **changes: Any) -> Path:
    """Write a robot, its task and a configuration into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "robot.xml").write_text(ROBOT)
    (folder / "robot.py").write_text(TASK)
    agent = {"num_envs": 4, "settings": {"num_steps": 16, "batch_size": 32, "num_epochs": 1}}
    transfer = {"num_envs": 2, "settings": {"num_steps": 16}}
    content = {"env": "robot:Cart", "source": {}, "agent": agent, "transfer": transfer, "budget": BUDGET, **changes}
    (folder / "c.yaml").write_text(yaml.safe_dump(small_content(**content)))
    return folder / "c.yaml"


def make_run(folder: Path, **changes: Any) -> Path:
    """Pretrain a run in `folder` by the command line's way."""
    pretrain(load_config(project(folder, **changes)), folder / "run", resume=False, num_threads=1, report=silent)
    return folder / "run"


def forge(run: Path, **changes: Any) -> None:
    """Change the resolved configuration of a run, and what its manifest says of it."""
    file, manifest = run / "config.resolved.yaml", json.loads((run / "manifest.json").read_text())
    content = {**yaml.safe_load(file.read_text()), **changes}
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    (run / "manifest.json").write_text(json.dumps({**manifest, "config": content_digest(content)}))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run made here, with a robot of the user's own."""
    return make_run(tmp_path_factory.mktemp("made"))


# A class shows what it is before it is called


@pytest.mark.parametrize("name", ["subprocess:Popen", "logging:FileHandler", "functools:partial", "pathlib:Path"])
def test_a_class_that_is_no_task_is_never_called(name: str, tmp_path: Path) -> None:
    (victim := tmp_path / "victim").write_text("kept")
    options = {"args": f"rm {victim}", "shell": True, "filename": str(victim), "mode": "w"}
    with pytest.raises(EnvsError, match=rf"{name.split(':')[1]} is no Task, it lacks .*terminated"):
        environment(name).make_task(**options)
    with pytest.raises(AgentsError, match=r"must be a torch.nn.Module"):
        encoder_class(name)(small_space(), **EncoderSettings(name, options={}).arguments())
    with pytest.raises(UserError, match=r"c.yaml: module '\w+' is Python's own"):
        load_config(project(tmp_path / "p", env=name, task=options))
    assert victim.read_text() == "kept"


def small_space() -> Any:
    return spaces.Box(-1.0, 1.0, (3,))


@pytest.mark.parametrize("name", ["antigravity:X", "gym:antigravity:X-v0", "idlelib.idle:X", "this:s"])
def test_pythons_own_modules_are_not_imported(name: str, tmp_path: Path) -> None:
    with pytest.raises(EnvsError, match="one of Python's own modules"):
        environment(name)
    with pytest.raises(UserError, match="is Python's own"):
        load_config(project(tmp_path / "p", env=name))
    assert not {"antigravity", "idlelib.idle", "this"} & set(sys.modules)


@pytest.mark.parametrize("name", ["../evil:X", "/{0}/evil:X", "..evil:X", "evil/x:X", "gym:../evil:X-v0", "os; evil:X"])
def test_a_module_is_named_without_a_path(name: str, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text(EVIL.format(mark=str(tmp_path / "mark")))
    with pytest.raises(UserError, match=r"is no module's name; write module:Class"):
        load_config(project(tmp_path / "p", env=name.format(tmp_path)))
    assert not (tmp_path / "mark").exists()


# A run


def opened(run: Path, **options: Any) -> Any:
    return RunDirectory.open(run, **options).config()


def test_a_run_made_here_opens_from_anywhere_and_as_a_copy(made: Path, tmp_path: Path) -> None:
    project(tmp_path / "other")
    os.chdir(tmp_path / "other")  # another robot of that name
    shutil.copytree(made, tmp_path / "copy")
    for run in (made, tmp_path / "copy"):
        assert opened(run).code["robot"].path == made.parent / "robot.py"
        assert load_config(run / "config.resolved.yaml") == opened(run)


@pytest.mark.parametrize(
    "changes",
    [
        {"task": {"file": "other.xml"}},
        {"env": "evil:Cart"},
        {"env": "gym:evil:X-v0"},
        {"agent": {"num_envs": 4, "settings": {"encoder": {"kind": "evil:Net"}}}},
        {"transfer": {"num_envs": 4, "settings": {"encoder": {"kind": "evil:Net"}}}},
        {"env": "envs:Task"},
    ],
)
@pytest.mark.parametrize("place", ["run", "linked", "here"])
def test_an_edited_run_executes_nothing(made: Path, tmp_path: Path, changes: dict[str, Any], place: str) -> None:
    """Wherever the module lies: in the run, in a folder it links to, or in the working directory."""
    run, mark = tmp_path / "run", tmp_path / "mark"
    shutil.copytree(made, run)
    forge(run, **changes)
    (tmp_path / "evil.py").write_text(EVIL.format(mark=str(mark)))
    if place == "linked":
        (run / "evil.py").symlink_to(tmp_path / "evil.py")
    else:
        shutil.copy(tmp_path / "evil.py", run if place == "run" else Path.cwd())
    for read in (lambda: opened(run), lambda: load_config(run / "config.resolved.yaml")):
        with pytest.raises(UserError, match=r"sha256 [0-9a-f]{64}\), and the run was not made here .*add --trust"):
            read()
    assert not mark.exists()


def test_a_forged_manifest_does_not_help(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    shutil.copytree(made, run)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "attacker"))
    pretrain(load_config(project(tmp_path / "theirs")), tmp_path / "forged", resume=False, num_threads=1, report=silent)
    assert opened(tmp_path / "forged").code  # with their own key
    monkeypatch.undo()
    os.chdir("/")
    with pytest.raises(UserError, match=r"theirs/robot.py .* not made here by this user"):
        opened(tmp_path / "forged")
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["code"]["robot"]["path"] = str(tmp_path / "theirs" / "robot.py")
    (run / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="not made here by this user"):
        opened(run)


def test_trust_loads_what_came_with_a_run_and_shows_it(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(made, run)
    shutil.copy(made.parent / "robot.py", run)
    shutil.copy(made.parent / "robot.xml", run)
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["code"]["robot"]["path"] = "/nowhere/robot.py"
    (run / "manifest.json").write_text(json.dumps(manifest))
    stale = run / "__pycache__"  # bytecode of other source is not executed
    stale.mkdir()
    (stale / f"robot.{sys.implementation.cache_tag}.pyc").write_bytes(b"\0" * 64)
    arguments = ["sim2real", "evaluate", str(run), "--episodes", "2", "--threads", "1"]
    for trust, code in (([], 2), (["--trust"], 0)):
        monkeypatch.setattr(sys, "argv", [*arguments, *trust])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert (stop.value.code or 0) == code
        assert f"{run / 'robot.py'} (sha256 " in capsys.readouterr().err


def test_code_in_a_run_is_not_loaded_by_anybody(made: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(made, run)
    for name in ("robot.py", "robot.xml", "c.yaml"):
        shutil.copy(made.parent / name, run)
    with pytest.raises(UserError, match=rf"inside {run}; nothing of it was executed"):
        load_config(run / "c.yaml")
    os.chdir(run)
    with pytest.raises(UserError, match=rf"inside {run}; nothing of it was executed"):
        small_config(**yaml.safe_load((run / "c.yaml").read_text()))
    assert load_config(run / "c.yaml", trust=True).code


def test_another_file_is_refused_with_both_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "mine")
    file = tmp_path / "mine" / "robot.py"
    file.write_text(TASK + "# changed\n")
    for name in [name for name in sys.modules if name.startswith("/")]:
        del sys.modules[name]
    with pytest.raises(UserError, match=r"robot.py \(sha256 \w+\), and the run was made with .*robot.py \(sha"):
        opened(run)
    config = load_config(tmp_path / "mine" / "c.yaml")
    with pytest.raises(UserError, match=r"was made with module 'robot' of .* and here it is .*; put that file back"):
        pretrain(config, run, resume=True, num_threads=1, report=silent)


def test_a_benchmark_takes_each_robot_from_its_own_folder(tmp_path: Path) -> None:
    for name, weight in (("ra", "1.0"), ("rb", "50.0")):
        file = project(tmp_path / name)
        (file.parent / "helper.py").write_text(f"WEIGHT = {weight}\n")
        source = TASK.replace("-self.weight *", "0 * self.weight + self.paid() + 0 *")
        lazily = "\n    def paid(self):\n        import helper\n        return helper.WEIGHT\n"
        (file.parent / "robot.py").write_text(source + lazily)
        file.rename(file.with_name(f"{name}.yaml"))
    grid = {"name": "b", "environments": ["ra/ra.yaml", "rb/rb.yaml"], "targets": ["heavy"], "seeds": [0]}
    (tmp_path / "bench.yaml").write_text(
        yaml.safe_dump({**grid, "methods": ["zero_shot"], "default_method": "zero_shot"})
    )
    bench = Bench.begin(tmp_path / "out", load_bench_config(tmp_path / "bench.yaml"), tmp_path)
    assert bench.run(Console(quiet=True), 2) == 0
    returns = [RunDirectory.open(tmp_path / "out" / "source" / name / "seed0").curve()[-1] for name in ("ra", "rb")]
    assert [point["return"] for point in returns] == [50 * 1.0, 50 * 50.0]


# Folders of the user's own that are called as ours are


def test_a_repository_with_folders_called_envs_and_agents_works(tmp_path: Path) -> None:
    for name in ("envs", "agents"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("THEIRS = 1")
    file = project(tmp_path, env="envs.robot:Cart")
    for name in ("robot.py", "robot.xml"):
        shutil.move(tmp_path / name, tmp_path / "envs")
    script = "import sim2real, envs; from sim2real.config.config import load_config, Path; "
    script += f"load_config(Path({str(file)!r}))"
    home = Path(__file__).parents[3]
    for lines, error in (
        (f"{script}.make_task().spec(); assert envs.__file__ == {str(home / 'envs' / '__init__.py')!r}", ""),
        ("import envs, sim2real", f"needs its own package 'envs' ({home / 'envs'}), but Python finds {tmp_path}"),
    ):
        environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{home}"}
        done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, env=environment)
        assert (done.returncode != 0) == bool(error), done.stderr
        assert error in done.stderr


def test_whose_envs_is_meant_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'envs' on Python's path is the package that comes with sim2real"):
        load_config(project(tmp_path, env="envs.robot:Bot"))
    with pytest.raises(EnvsError, match="`envs` is the package of that name that comes with sim2real"):
        environment("envs.robot:Bot")
