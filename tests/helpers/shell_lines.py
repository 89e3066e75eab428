"""Commands of the documentation, checked without running them."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from pages import ROOT

from envs import ENVS, SHIFTS
from sim2real.cli import app
from sim2real.config.shipped import shipped_configs
from sim2real.files.reading import load_yaml
from sim2real.methods import METHODS

COMMANDS: Any = typer.main.get_command(app)
TARGETS = {*SHIFTS, *(name for file in shipped_configs().values() for name in load_yaml(file).get("targets", {}))}
PYTHONS = ("python", "python3", ".venv/bin/python")
FOREIGN = {"tensorboard": ("--logdir",), "cd": (), "source": ()}


def commands(text: str) -> list[list[str]]:
    """The words of every command of a block; comments are left out, lines that end in a backslash joined."""
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def check(words: Sequence[str], written: Sequence[str], targets: Sequence[str]) -> None:
    """Check one command; `written` are files, and `targets` names of target domains, that its page defines."""
    program, arguments = words[0].removeprefix(".venv/bin/"), list(words[1:])
    if program == "sim2real":
        check_sim2real(arguments, written, {*TARGETS, *targets})
    elif program == "make":
        goals = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
        assert set(arguments) <= set(goals), words
    elif program == "pip":
        check_pip(arguments)
    elif words[0] in PYTHONS:
        assert arguments[0] == "-m" or (ROOT / arguments[0]).is_file() or arguments[0] in written, words
    elif program == "git":
        assert arguments[0] == "clone", words
    else:
        assert program in FOREIGN, words


def check_pip(arguments: Sequence[str]) -> None:
    """Extras that are asked for exist."""
    assert arguments[0] == "install"
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for argument in arguments:
        if found := re.fullmatch(r"\.\[([\w,]+)\]", argument):
            assert set(found[1].split(",")) <= set(extras), arguments
    if "-c" in arguments:
        assert (ROOT / arguments[arguments.index("-c") + 1]).is_file()


def check_sim2real(arguments: Sequence[str], written: Sequence[str], targets: set[str]) -> None:
    """Parse as the command line does, and look up what it would look up."""
    if arguments and arguments[0].startswith("-"):
        return
    command = COMMANDS.commands[arguments[0]]
    given = command.make_context(arguments[0], expand(arguments[1:])).params
    for name in several(given.get("shift")):
        assert name in targets, f"shift {name}"
    for name in several(given.get("target")) + several(given.get("targets")):
        assert name in targets, f"target {name}"
    assert given.get("method") in (None, *METHODS)
    if arguments[0] in ("check", "calibrate"):
        assert given["env"] in ENVS or is_there(given["env"], written), given["env"]
    if arguments[0] in ("pretrain", "bench"):
        config = str(given["config"])
        there = config in shipped_configs() or (ROOT / "configs" / "bench" / f"{config}.yaml").is_file()
        assert there or is_there(config, written), config


def several(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def is_there(name: str, written: Sequence[str]) -> bool:
    return (ROOT / name).is_file() or name in written


def expand(arguments: Sequence[str]) -> list[str]:
    """Patterns as a shell expands them in a checkout."""
    found: list[str] = []
    for argument in arguments:
        files = sorted(ROOT.glob(argument)) if "*" in argument else []
        assert files or "*" not in argument, f"{argument}: matches nothing"
        found += [str(file.relative_to(ROOT)) for file in files] or [argument]
    assert all(Path(name).suffix != ".yaml" or "\\" not in name for name in found)
    return found
