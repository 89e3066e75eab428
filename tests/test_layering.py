"""Imports run one way, and what must not be used is not used: read from the source, not from what happens to run."""

import ast
import graphlib
import importlib
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("envs", "agents", "sim2real")
FORBIDDEN = {
    "envs": {"torch", "stable_baselines3", "agents", "sim2real"},
    "agents": {"envs", "sim2real"},
    "sim2real": set(),
}
UNPICKLERS = {"pickle", "cloudpickle", "dill", "_pickle", "shelve", "marshal", "joblib"}
GENERATORS = {"Generator", "BitGenerator", "SeedSequence", "Philox", "PCG64", "default_rng"}
TABLES = {"tasks", "fields", "methods"}  # rooms with a row a file
LARGEST_ROOM = 14  # files, where it holds no table


@dataclass(frozen=True)
class Module:
    """A file of the packages, parsed once."""

    path: Path
    tree: ast.Module

    @property
    def name(self) -> str:
        """Its dotted name; a room's `__init__` has the room's."""
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def package(self) -> str:
        return self.path.parts[0]

    @property
    def room(self) -> str:
        """The folder; every file beside a package's folders is a room of its own."""
        return ".".join(self.path.parts[:-1]) if len(self.path.parts) > 2 else self.name


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
MODULES = [Module(path.relative_to(ROOT), parse(path)) for path in FILES]
NAMES = {module.name: module for module in MODULES}
ROOMS = Counter(module.room for module in MODULES if module.path.name != "__init__.py")


def absolute_imports(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted name of every module that is imported absolutely, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
        elif isinstance(node, ast.Call) and dotted(node.func) in (
            "importlib.import_module",
            "import_module",
            "__import__",
        ):
            yield from (a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str))


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` for an attribute chain, or an empty string for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (owner := dotted(node.value)):
        return f"{owner}.{node.attr}"
    return ""


def relative_imports(module: Module) -> Iterator[str]:
    """Yield the dotted name of every module or room of its package that a module imports, also inside functions."""
    package = module.name.split(".") if module.path.name == "__init__.py" else module.name.split(".")[:-1]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            start = package[: len(package) - node.level + 1]
            place = ".".join([*start, *(node.module.split(".") if node.module else [])])
            for alias in node.names:
                yield f"{place}.{alias.name}" if f"{place}.{alias.name}" in NAMES else place


def test_there_is_something_to_read() -> None:
    assert {module.package for module in MODULES} == set(PACKAGES)
    assert len(MODULES) > 300


def test_imports_run_one_way() -> None:
    for module in MODULES:
        for name in absolute_imports(module.tree):
            top = name.partition(".")[0]
            assert top not in FORBIDDEN[module.package], f"{module.name}: {module.package} must not import {name}"
            assert top != module.package, f"{module.name}: inside {module.package} imports are relative, not {name!r}"
            if top in PACKAGES:
                rooted = NAMES[name].path.name == "__init__.py"
                assert rooted, f"{module.name}: across packages import from a package's or room's root, not {name!r}"


def test_rooms_import_one_another_one_way() -> None:
    """No circle among folders; a file beside the folders of its package is a room of its own."""
    below: dict[str, set[str]] = defaultdict(set)
    for module in MODULES:
        below[module.room] |= {NAMES[name].room for name in relative_imports(module)} - {module.room}
    list(graphlib.TopologicalSorter(below).static_order())  # CycleError names the circle


def test_rooms_are_small_and_packaged() -> None:
    large = {room: files for room, files in ROOMS.items() if files > LARGEST_ROOM and room.split(".")[-1] not in TABLES}
    assert not large
    folders = {".".join(path.relative_to(ROOT).parts[:-1]) for path in FILES}
    packaged = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    assert packaged - {"sim2real.configs", "sim2real.configs.bench"} == folders


def test_nothing_is_unpickled_or_evaluated() -> None:
    for module in MODULES:
        assert not {name.partition(".")[0] for name in absolute_imports(module.tree)} & UNPICKLERS, module.name
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call):
                _check_call(module, node)


def _check_call(module: Module, node: ast.Call) -> None:
    called = dotted(node.func)
    place = f"{module.path}, line {node.lineno}: {called}"
    assert called not in ("eval", "exec", "compile", "builtins.eval", "builtins.exec"), place
    assert called not in ("yaml.load", "yaml.unsafe_load", "yaml.full_load", "torch.load"), place
    if module.package == "sim2real" and module.path.name != "reading.py":  # the one bounded reader
        assert called not in ("yaml.safe_load", "json.load", "json.loads"), place
    assert called not in ("np.load", "numpy.load") or not _allows_pickle(node), place


def _allows_pickle(call: ast.Call) -> bool:
    given = {k.arg: k.value for k in call.keywords}.get("allow_pickle")
    return given is not None and not (isinstance(given, ast.Constant) and given.value is False)


def test_no_global_numpy_random() -> None:
    for module in MODULES:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and dotted(node.value) in ("np.random", "numpy.random"):
                assert node.attr in GENERATORS, f"{module.path}, line {node.lineno}: np.random.{node.attr}"
            if isinstance(node, ast.ImportFrom) and node.module == "numpy.random":
                assert {alias.name for alias in node.names} <= GENERATORS, module.path
        assert "random" not in set(absolute_imports(module.tree)), module.path


def test_every_module_names_what_is_public_and_says_what_it_is() -> None:
    for module in MODULES:
        assert ast.get_docstring(module.tree), module.path
        assigned = [
            node.value
            for node in module.tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign) and "__all__" in _targets(node) and node.value is not None
        ]
        assert len(assigned) == 1, module.path
        public = ast.literal_eval(assigned[0])
        assert len(set(public)) == len(public), module.path
        assert set(public) <= _defined(module.tree) | {"__version__"}, module.path


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _defined(tree: ast.Module) -> set[str]:
    """Return the names that a module's top level defines or imports."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names |= set(_targets(node))
    return names


@pytest.mark.parametrize("package", ["envs", "agents"])
def test_names_that_are_imported_when_used_are_those_that_types_see(package: str) -> None:
    tree, found = NAMES[package].tree, importlib.import_module(package)
    seen = {
        (alias.name, node.module)
        for block in tree.body
        if isinstance(block, ast.If) and dotted(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(found._MODULES.items()) == seen
    assert sorted(found._MODULES) == sorted(found.__all__)
    assert all(getattr(found, name) is not None for name in found.__all__)


def test_importing_envs_imports_neither_torch_nor_the_check() -> None:
    foreign = {"torch", "stable_baselines3", "agents", "sim2real", "envs.check", "mujoco"}
    script = f"import sys, envs; print(*sorted({foreign} & set(sys.modules)))"
    command = [sys.executable, "-W", "error", "-c", script]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.strip() == ""


def test_the_reader_finds_what_it_looks_for() -> None:
    source = "import torch.nn\nfrom envs.domain import Domain\ndef f():\n    import pickle\nimport_module('dill')\n"
    assert set(absolute_imports(ast.parse(source))) == {"torch.nn", "envs.domain", "dill", "pickle"}
    assert dotted(ast.parse("np.random.seed", mode="eval").body) == "np.random.seed"
