"""Tables in Markdown: of anything, of dataclasses with a comment behind each field, of pydantic models."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import io
import re
import tokenize
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from agents import EncoderSettings


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table; `|` and line breaks in cells are escaped."""
    head = list(head)
    lines = [_row(head), _row("---" for _ in head), *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(_escape(str(cell)) for cell in cells)} |"


def _escape(text: str) -> str:
    """Return a cell's text; outside code `*` is no emphasis."""
    parts = text.replace("|", "\\|").replace("\n", " ").split("`")
    return "`".join(part if i % 2 else part.replace("*", "\\*") for i, part in enumerate(parts))


def code(value: object) -> str:
    """Return a value as YAML-like code; empty where there is none."""
    if value is None:
        return "`null`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple | list):
        return f"`[{', '.join(map(str, value))}]`"
    return "`{}`" if isinstance(value, Mapping) and not value else f"`{value}`"


def settings_of(cls: type[Any]) -> str:
    """Return a settings dataclass as a table: key, default and the comment beside it."""
    comments = _comments(cls)
    rows = []
    for field in dataclasses.fields(cls):
        made = field.default_factory is not dataclasses.MISSING
        default: Any = field.default_factory() if made else field.default  # type: ignore[misc]
        if isinstance(default, EncoderSettings):
            rows.append(
                (f"`{field.name}`", f"`kind: mlp`, `widths: {list(default.widths)}`", "see [encoders](#encoders)")
            )
        else:
            rows.append((f"`{field.name}`", code(default), comments.get(field.name, "")))
    return table(("key", "default", "meaning"), rows)


def _comments(cls: type[Any]) -> dict[str, str]:
    """Return the comment behind each field of a dataclass."""
    source = inspect.getsource(cls)
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    by_line = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
    body = ast.parse(inspect.cleandoc(source)).body[0]
    assert isinstance(body, ast.ClassDef)
    fields = (node for node in body.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name))
    return {node.target.id: by_line.get(node.lineno, "") for node in fields if isinstance(node.target, ast.Name)}


def model(cls: type[BaseModel]) -> str:
    """Return a pydantic model as a table; meanings come from the `Attributes` of its docstring."""
    meanings = attributes(inspect.getdoc(cls) or "")
    rows = []
    for name, field in cls.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            default_text = "see below"
        else:
            default_text = "required" if default is PydanticUndefined else code(default)
        rows.append((f"`{name}`", default_text, meanings[name]))
    return table(("key", "default", "meaning"), rows)


def attributes(doc: str) -> dict[str, str]:
    """Return the meanings in the section `Attributes` of a docstring."""
    section = doc.partition("Attributes:\n")[2].partition("\n\n")[0]
    found = re.findall(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", section, flags=re.MULTILINE | re.DOTALL)
    return {name: " ".join(text.split()) for name, text in found}
