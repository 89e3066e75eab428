"""The messages that docs/faq.md explains are those of the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from pages import ROOT

ROWS = re.findall(r"^\| `([^`]+)`", (ROOT / "docs" / "faq.md").read_text(), flags=re.MULTILINE)


def texts(file: Path) -> str:
    """Every text of a module, pieces that stand side by side joined; what is filled in is left out."""
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return "\n".join(
        node.value if isinstance(node, ast.Constant) else " ".join(map(_piece, node.values))
        for node in nodes
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
    )


def _piece(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_messages_are_those_of_the_code() -> None:
    files = [file for package in ("envs", "agents", "sim2real") for file in (ROOT / package).rglob("*.py")]
    code = " ".join("\n".join(map(texts, files)).split())
    assert len(ROWS) > 20
    for row in ROWS:
        words = re.sub(r"'[^']*'|\d[\d,.e-]*|\.\.\.|\(.*?\)|--\w+", "\0", row)
        fragments = [" ".join(part.strip(" :;").split()) for part in words.split("\0")]
        longest = max(fragments, key=len)
        assert len(longest) > 8, row
        assert longest in code, f"{row!r}: no message with {longest!r}"
