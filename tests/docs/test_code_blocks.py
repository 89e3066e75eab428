"""Every code block of README and docs/: commands parse, Python runs, YAML is a valid configuration."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pages import GUIDES, ROOT, Block, blocks, write_files
from shell_lines import check, commands

from sim2real.bench import BenchConfig
from sim2real.config.config import load_config, resolve_config
from sim2real.config.strict import validate

LANGUAGES = {"bash", "python", "yaml", "text"}
ALL = [block for page in GUIDES for block in blocks(page)]
CALIBRATION = {"env": "hopper", "shift": "heavy", "severities": {"moderate": {"severity": 0.4}}}


def of(language: str) -> list[Block]:
    return [block for block in ALL if block.language == language]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory; modules that a page defines are gone afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def test_every_block_says_its_language() -> None:
    assert {block.language for block in ALL} == LANGUAGES
    assert len(ALL) > 20


@pytest.mark.parametrize("block", of("bash"), ids=str)
def test_commands_parse_and_what_they_name_exists(block: Block) -> None:
    beside = blocks(block.page)
    written = [other.title for other in beside if other.title]
    targets = [t for other in beside if other.language == "yaml" for t in yaml.safe_load(other.text).get("targets", ())]
    for words in commands(block.text):
        check(words, written, targets)


@pytest.mark.parametrize("block", of("yaml"), ids=str)
def test_configurations_are_valid(block: Block, folder: Path) -> None:
    write_files(block.page, folder)
    (folder / "hopper-heavy.yaml").write_text(yaml.safe_dump(CALIBRATION))
    content = yaml.safe_load(block.text)
    place = folder / "block.yaml"
    if "environments" in content:
        grid = validate(BenchConfig, content, str(block))
        assert [grid.run_config(name, 0, folder) for name in grid.environments]
        return
    if "parameters" in content:
        content = {"source": content}
    resolved = resolve_config(complete(content), place, str(block))
    for name in content.get("targets", {}):
        resolved.check_target(name)


def complete(content: dict[str, Any]) -> dict[str, Any]:
    """Return a whole configuration with the keys of `content`, the rest as hopper's."""
    rest = load_config(Path("hopper")).model_dump(mode="json")
    if "env" in content:
        rest = {key: rest[key] for key in ("agent", "transfer", "budget")}
    for key, value in content.items():
        both = isinstance(value, dict) and isinstance(rest.get(key), dict) and key in ("agent", "transfer", "budget")
        rest[key] = {**rest[key], **value} if both else value
    return rest


PYTHON_PAGES = [page for page in GUIDES if any(block.language == "python" for block in blocks(page))]


@pytest.mark.parametrize("page", PYTHON_PAGES, ids=lambda page: page.stem)
def test_python_runs(page: Path, folder: Path) -> None:
    """Blocks of a page run one after the other, each with the files that the page defines."""
    write_files(page, folder)
    (folder / "examples").symlink_to(ROOT / "examples")
    names: dict[str, Any] = {"__name__": f"docs_{page.stem}"}
    for block in blocks(page):
        if block.language == "python" and block.title is None:
            lines = "\n" * block.line + block.text
            exec(compile(lines, str(page), "exec"), names)
        elif block.language == "python":
            __import__(block.title.removesuffix(".py"))


def test_cheap_commands_print_what_the_pages_say() -> None:
    listed = [words for block in of("bash") for words in commands(block.text) if words[:2] == ["sim2real", "list"]]
    assert listed
    for words in listed:
        assert all(re.fullmatch(r"[a-z]+", word) for word in words[2:])
