"""The examples run, and are as short as they claim."""

from __future__ import annotations

import ast
import importlib
import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from pages import ROOT

EXAMPLES = ROOT / "examples"
JOURNEYS = {  # the lines of code that each has at most, docstrings and empty lines apart
    "transfer": 10,
    "own_task": 40,
    "own_encoder": 15,
    "own_gymnasium_env": 40,
}
_SHORT = {"65_536": "4_096", "32_768": "4_096"}


def code_lines(text: str) -> int:
    """Lines with code: no comments alone, no docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            body[0] = ast.Pass()
    return len([line for line in ast.unparse(tree).splitlines() if line.strip() not in ("", "pass")])


def shorter(text: str) -> str:
    """The same with fewer steps."""
    for number, fewer in _SHORT.items():
        text = text.replace(number, fewer)
    return text


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Shorter copies of the examples, as the working directory that Python looks for modules in."""
    for file in EXAMPLES.iterdir():
        if file.suffix in (".py", ".ipynb", ".xml"):
            (tmp_path / file.name).write_text(shorter(file.read_text()))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    importlib.invalidate_caches()
    for name in JOURNEYS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


@pytest.mark.parametrize(("name", "most"), JOURNEYS.items())
def test_an_example_is_short(name: str, most: int) -> None:
    text = (EXAMPLES / f"{name}.py").read_text()
    assert code_lines(text.partition("\nSTEPS =")[0] if "class " in text else text) <= most


@pytest.mark.thorough
@pytest.mark.parametrize("name", JOURNEYS)
def test_an_example_goes_from_source_to_target(name: str, folder: Path) -> None:
    runpy.run_path(str(folder / f"{name}.py"), run_name="__main__")
    ledgers = [json.loads(file.read_text()) for file in folder.rglob("ledger.json")]
    assert len(ledgers) == 2
    assert all(ledger["status"] == "finished" for ledger in ledgers)


@pytest.mark.thorough
def test_the_cells_of_the_notebook_run_one_after_the_other(folder: Path) -> None:
    names: dict[str, Any] = {}
    for cell in json.loads((folder / "shift_and_transfer.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), "cell", "exec"), names)
            assert not cell["outputs"]
    assert names["actions"].shape == (1, 1)
    assert names["run"].curve[-1]["step"] == 1024


@pytest.mark.thorough
def test_a_training_loop_of_ones_own_learns_on_the_worlds(capsys: pytest.CaptureFixture[str]) -> None:
    source = (EXAMPLES / "cleanrl_loop.py").read_text().replace("NUM_UPDATES, GAMMA, LAMBDA = 64, 64, 60", "{}")
    assert "{}" in source
    source = source.replace("{}", "NUM_UPDATES, GAMMA, LAMBDA = 64, 64, 30")
    exec(compile(source, "cleanrl_loop.py", "exec"), {"__name__": "__main__"})
    lengths = [int(line.rpartition(" ")[2]) for line in capsys.readouterr().out.splitlines()]
    assert lengths[-1] > 2 * lengths[0]
