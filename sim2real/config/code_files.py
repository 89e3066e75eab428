"""What a user's module is made of: the modules that it imports from its own folder, and the data files that it names.

All is found in the text, nothing is executed: import statements, also those inside functions, `import_module("name")`,
texts that name a file beside the module, and `file="..."` in such XML. What a name is put together for at run time, and
what a package in site-packages imports of others, is not seen.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .user_code import PILLARS, CodeFile

__all__ = ["changed_files", "files_of"]

_INSTALLED = ("site-packages", "dist-packages")
_XML = (".xml", ".urdf", ".mjcf")
_NAMED_IN_XML = re.compile(rb"""\bfile\s*=\s*["']([^"']+)["']""")
_MOST = 500  # files; more of them are no robot's
_LARGEST = 2**26  # bytes of a file whose digest is taken


def files_of(file: CodeFile, config: Mapping[str, Any]) -> dict[str, str]:
    """Return path, relative to where the first name of the module lies -> sha256, of all but the module itself.

    Args:
        file: the module.
        config: of the run; a text in it may name a file too, as `task: {file: robot.xml}` does.
    """
    root = _root(file)
    found: dict[Path, bytes] = {}
    waiting = [file.path, *_named(file.path.parent, _texts(config))]
    while waiting and len(found) < _MOST:
        path = waiting.pop()
        if path in found or not path.is_relative_to(root) or path.stat().st_size > _LARGEST:
            continue
        found[path] = path.read_bytes()
        waiting.extend(_read_by(path, found[path], root, file.name.partition(".")[0]))
    found.pop(file.path, None)
    return {path.relative_to(root).as_posix(): _sha256(data) for path, data in sorted(found.items())}


def changed_files(file: CodeFile, recorded: Mapping[str, Any]) -> list[str]:
    """Return the files of `recorded`, as from `files_of`, that are gone or have changed, each with both digests."""
    root, changed = _root(file), []
    for name, digest in recorded.items():
        path = root / name
        now = _sha256(path.read_bytes()) if path.is_file() else "missing"
        if now != digest:
            changed.append(f"{path} (sha256 {now}, it was {digest})")
    return changed


def _root(file: CodeFile) -> Path:
    """Return the folder in which the first name of the module lies."""
    depth = len(file.name.split(".")) - (file.path.name != "__init__.py")
    return file.path.parents[depth]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read_by(path: Path, data: bytes, root: Path, top: str) -> Iterator[Path]:
    """Yield the files that the one in `path` reads; `top`: the only first name that counts in site-packages."""
    if path.suffix in _XML:
        yield from _named(path.parent, (name.decode(errors="replace") for name in _NAMED_IN_XML.findall(data)))
    if path.suffix != ".py":
        return
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError):
        return  # importing it says so
    package = list(path.parent.relative_to(root).parts)
    for parts in _imports(tree, package):
        others = parts[0] in sys.stdlib_module_names or parts[0] in PILLARS or any(n in _INSTALLED for n in root.parts)
        if parts[0] == top or not others:
            yield from _modules(root, parts)
    yield from _named(path.parent, (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)))


def _imports(tree: ast.AST, package: list[str]) -> Iterator[list[str]]:
    """Yield the names that a module in `package` imports, absolute, in parts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = above + (node.module.split(".") if node.module else [])
            yield from ([*base, alias.name] for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called == "import_module" and isinstance(name := node.args[0].value, str) and name.strip("."):
                yield (package if name.startswith(".") else []) + name.strip(".").split(".")


def _modules(root: Path, parts: list[str]) -> Iterator[Path]:
    """Yield the source of a dotted name and of the packages that it lies in, as far as they are there."""
    for i in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:i])
        yield from (path for path in (place.with_name(f"{place.name}.py"), place / "__init__.py") if path.is_file())


def _named(folder: Path, texts: Iterable[Any]) -> Iterator[Path]:
    """Yield the files below `folder` that are named by `texts`."""
    for text in texts:
        if isinstance(text, str) and 2 < len(text) < 256 and "." in text and text.isprintable():
            path = (folder / text).absolute()
            if path.suffix != ".py" and path.is_relative_to(folder) and ".." not in path.parts and path.is_file():
                yield path


def _texts(value: Any) -> Iterator[str]:
    """Yield all texts in nested mappings and lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)
