"""Imports run one way, and what must not be used is not used: read from the source, not from what happens to run."""

import ast
import subprocess
import sys
from collections.abc import Iterator
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
MODULES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]

every_module = pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


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


def test_there_is_something_to_read() -> None:
    assert {package_of(path) for path in MODULES} == set(PACKAGES)
    assert len(MODULES) > 30


@every_module
def test_imports_run_one_way(path: Path) -> None:
    package = package_of(path)
    for name in absolute_imports(parse(path)):
        top, _, below = name.partition(".")
        assert top not in FORBIDDEN[package], f"{package} must not import {name}"
        if top == package:
            raise AssertionError(f"inside {package} imports are relative, not {name!r}")
        if top in PACKAGES:
            assert not below, f"across packages import from the package root, not {name!r}"


@every_module
def test_relative_imports_stay_inside_the_package(path: Path) -> None:
    depth = len(path.relative_to(ROOT).parts) - 1
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.ImportFrom):
            assert node.level <= depth


@every_module
def test_nothing_is_unpickled_or_evaluated(path: Path) -> None:
    tree = parse(path)
    assert not {name.partition(".")[0] for name in absolute_imports(tree)} & UNPICKLERS
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = dotted(node.func)
        assert called not in ("eval", "exec", "compile", "builtins.eval", "builtins.exec"), called
        assert called not in ("yaml.load", "yaml.unsafe_load", "yaml.full_load", "torch.load"), called
        if path.relative_to(ROOT).parts[0] == "sim2real" and path.name != "reading.py":  # the one bounded reader
            assert called not in ("yaml.safe_load", "json.load", "json.loads"), called
        assert called not in ("np.load", "numpy.load") or not _allows_pickle(node), called


def _allows_pickle(call: ast.Call) -> bool:
    given = {k.arg: k.value for k in call.keywords}.get("allow_pickle")
    return given is not None and not (isinstance(given, ast.Constant) and given.value is False)


@every_module
def test_no_global_numpy_random(path: Path) -> None:
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Attribute) and dotted(node.value) in ("np.random", "numpy.random"):
            assert node.attr in GENERATORS, f"line {node.lineno}: np.random.{node.attr}"
        if isinstance(node, ast.ImportFrom) and node.module == "numpy.random":
            assert {alias.name for alias in node.names} <= GENERATORS
    assert "random" not in set(absolute_imports(parse(path)))


@every_module
def test_every_module_names_what_is_public_and_says_what_it_is(path: Path) -> None:
    tree = parse(path)
    assert ast.get_docstring(tree)
    assigned = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and "__all__" in _targets(node) and node.value is not None
    ]
    assert len(assigned) == 1
    public = ast.literal_eval(assigned[0])
    assert len(set(public)) == len(public)
    assert set(public) <= _defined(tree) | {"__version__"}


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


def test_importing_envs_does_not_import_torch() -> None:
    script = "import sys, envs; print(*sorted({'torch', 'stable_baselines3', 'agents', 'sim2real'} & set(sys.modules)))"
    command = [sys.executable, "-W", "error", "-c", script]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.strip() == ""


def test_the_reader_finds_what_it_looks_for() -> None:
    source = "import torch.nn\nfrom envs.domain import Domain\ndef f():\n    import pickle\nimport_module('dill')\n"
    assert set(absolute_imports(ast.parse(source))) == {"torch.nn", "envs.domain", "dill", "pickle"}
    assert dotted(ast.parse("np.random.seed", mode="eval").body) == "np.random.seed"
