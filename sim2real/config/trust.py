"""Which code a configuration or a run may load, and which only with `--trust`.

The threat: somebody hands over a run's folder, and a command such as `evaluate` is called on it. Nothing that its
author chose may be executed. Weights and logs are data; what remains are names of modules, `env: module:Class`,
`env: gym:module:id` and `encoder: {kind: module:Class}`, in config.resolved.yaml.

- A module that the user's own configuration names is looked for beside that file, then where Python looks for modules,
  then in the working directory, and loaded: who runs a configuration runs its code. Python's own modules alone are
  refused, and a class is called only once it has shown what it is.
- A module that a run names is loaded only if the run was made here and the file is the one it was made with. A run
  that names code keeps `code` in its manifest, module -> path, sha256 and files, and a `signature`: an HMAC over these
  and config.resolved.yaml, by a key that only this user can read ($XDG_STATE_HOME/sim2real/key, ~/.local/state by
  default). So a folder made or edited elsewhere shows as such, and a copy of one's own run still works.
- A module that lies inside a folder of a run or of a benchmark is not loaded, whoever names it.

`--trust` allows the last two, and shows file and digest. A run also keeps the digests of what the module imports and
names beside it (see `code_files`), and these files count as the module does. Bytecode that lies beside a module
(`__pycache__`) is never executed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from ..errors import UserError
from ..files.files import read_json
from ..files.reading import load_yaml
from .code_files import changed_files, files_of
from .user_code import PILLARS, Code, CodeFile, code_at, find_module, module_of, require_first, use_code

__all__ = ["code_for", "code_of_names", "code_of_run", "code_record", "require_same_code"]

_RESOLVED = "config.resolved.yaml"
_MARKS = (_RESOLVED, "bench.resolved.yaml")  # what makes a folder one of a run or of a benchmark
_KEY_BYTES = 32


def code_for(content: Mapping[str, Any], file: Path, *, trust: bool) -> Code:
    """Return the code that a configuration names, ready to be imported; nothing of it has been executed.

    Args:
        content: of the configuration, not checked yet.
        file: where it was read; config.resolved.yaml is a run's.
        trust: whether code is loaded that was not made here.

    Raises:
        UserError: when a module is not found or must not be loaded; path and digest are shown.
    """
    if file.name == _RESOLVED:
        return code_of_run(content, file.parent, trust=trust)
    return _use(_code_here(dict.fromkeys(_names_in(content)), [file.parent], str(file), trust), content)


def code_of_run(content: Mapping[str, Any], run: Path, *, trust: bool, approved: Code | None = None) -> Code:
    """Return the code that the configuration of a run names, ready to be imported; UserError as from `code_for`.

    Files among `approved`, those of the benchmark that the run belongs to, are loaded in any case.
    """
    return _use(_code_of_run(run, dict.fromkeys(_names_in(content)), trust, approved or {}), content)


def code_of_names(content: Mapping[str, Any], *, trust: bool = False) -> Code:
    """Return the code named by who calls, in a script or on the command line; what is nowhere is left out.

    Raises:
        UserError: when it lies in the folder of a run, without `trust`.
    """
    return _use(_code_here(dict.fromkeys(_names_in(content)), [], None, trust), content)


def code_record(code: Code, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run's manifest keeps of its code: files, digests and signature; nothing if it names none.

    A run is not signed where no key can be kept.
    """
    if not code:
        return {}
    record = {name: _entry(file, config) for name, file in sorted(code.items())}
    signature = _sign(record, config, _key(make=True))
    return {"code": record, **({} if signature is None else {"signature": signature})}


def _entry(file: CodeFile, config: Mapping[str, Any]) -> dict[str, Any]:
    files = files_of(file, config)
    return {"path": str(file.path), "sha256": file.sha256, **({"files": files} if files else {})}


def require_same_code(manifest: Mapping[str, Any], code: Code, run: Path) -> None:
    """Check that a run that is there was made with the very files of `code`; one that does not say passes.

    Raises:
        UserError: naming both files.
    """
    for name, file in code.items():
        path, digest, files = _recorded(manifest, name)
        if digest not in (None, file.sha256):
            raise UserError(
                f"{run}: was made with module {name!r} of {path} (sha256 {digest}), and here it is {file.describe()}; "
                "put that file back, or choose another --out"
            )
        if changed := changed_files(file, files):
            raise UserError(
                f"{run}: was made with other files beside module {name!r}: {', '.join(changed)}; put them back, or "
                "choose another --out"
            )


def _names_in(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield the modules that a configuration names, whatever else may be wrong with it."""
    if (name := module_of(content.get("env"))) is not None:
        yield name
    for key in ("agent", "transfer"):
        settings = _inside(content, (key, "settings"))
        encoders = _inside(settings, ("encoders",))
        groups = encoders.values() if isinstance(encoders, Mapping) else ()
        for encoder in (_inside(settings, ("encoder",)), *groups):
            if (name := module_of(_inside(encoder, ("kind",)))) is not None:
                yield name


def _inside(content: Any, keys: Sequence[str]) -> Any:
    """Return what lies at `keys`, None where nothing does."""
    for key in keys:
        content = content.get(key) if isinstance(content, Mapping) else None
    return content


def _use(code: Code, content: Mapping[str, Any]) -> Code:
    use_code(code)
    env = content.get("env")
    if isinstance(env, str) and env.startswith("gym:") and (file := code.get(module_of(env) or "")) is not None:
        require_first(file)
    return code


def _code_here(names: Mapping[str, Any], folders: list[Path], where: str | None, trust: bool) -> Code:
    """Return what is found in `folders`, on Python's path or in the working directory; `where` None: if it is found."""
    code = {}
    for name in names:
        place = where or f"in {Path.cwd()}"
        file = find_module(name, folders, place) or find_module(name, [Path.cwd()], place)
        if file is None and where is not None:
            raise UserError(f"{where}: {_absent(name, [*folders, Path.cwd()])}")
        if file is not None:
            if (run := _run_around(file.path)) is not None:
                _allow(trust, f"{place}: module {name!r} is {file.describe()}, inside {run}")
            code[name] = file
    return code


def _code_of_run(run: Path, names: Mapping[str, Any], trust: bool, approved: Code) -> Code:
    if not names:
        return {}
    manifest = read_json(run / "manifest.json") if (run / "manifest.json").is_file() else {}
    manifest = manifest if isinstance(manifest, dict) else {}
    signature = _sign(manifest.get("code"), load_yaml(run / _RESOLVED), _key(make=False))
    own = signature is not None and hmac.compare_digest(signature, str(manifest.get("signature")))
    code = {}
    for name in names:
        path, digest, files = _recorded(manifest, name)
        file = _locate(name, path, digest, run)
        if file is None:
            raise UserError(f"{run}: {_absent(name, [*([path] if path else []), run, Path.cwd()])}")
        found = f"{run}: module {name!r} is {file.describe()}"
        if file == approved.get(name):
            pass
        elif not own:
            _allow(trust, f"{found}, and the run was not made here by this user")
        elif file.sha256 != digest:
            _allow(trust, f"{found}, and the run was made with {path} (sha256 {digest})")
        elif changed := changed_files(file, files):
            _allow(trust, f"{found}, and the run was made with other files beside it: {', '.join(changed)}")
        elif (around := _run_around(file.path)) is not None:
            _allow(trust, f"{found}, inside {around}")
        code[name] = file
    return code


def _locate(name: str, path: Path | None, digest: str | None, run: Path) -> CodeFile | None:
    """Return the module where the run says, in the run, here or on Python's path: that of the digest, or the first."""
    candidates = [find_module(name, [place], str(run)) for place in (run, Path.cwd())]
    found = [file for file in (code_at(name, path), *candidates) if file is not None]
    return next((file for file in found if file.sha256 == digest), next(iter(found), None))


def _recorded(manifest: Mapping[str, Any], name: str) -> tuple[Path | None, str | None, Mapping[str, Any]]:
    """Return path, digest and files of a module, as far as the manifest says."""
    code = manifest.get("code")
    entry = code.get(name) if isinstance(code, dict) else None
    entry = entry if isinstance(entry, dict) else {}
    path, digest, files = entry.get("path"), entry.get("sha256"), entry.get("files")
    return (
        Path(path) if isinstance(path, str) else None,
        digest if isinstance(digest, str) else None,
        files if isinstance(files, dict) else {},
    )


def _absent(name: str, places: list[Path]) -> str:
    top, looked = name.partition(".")[0], ", ".join(map(str, dict.fromkeys(places)))
    ours = f"; {top!r} on Python's path is the package that comes with sim2real" if top in PILLARS else ""
    return (
        f"module {name!r} fails to import: ModuleNotFoundError: it is not in {looked}, nor where Python looks for "
        f"modules (PYTHONPATH){ours}"
    )


def _allow(trust: bool, what: str) -> None:
    if not trust:
        raise UserError(f"{what}; nothing of it was executed: read it, and add --trust to load it")
    Console(stderr=True).print(f"--trust: {what}", markup=False, highlight=False, soft_wrap=True)


def _run_around(path: Path) -> Path | None:
    """Return the folder of a run or benchmark that `path`, or what it links to, lies in."""
    above = dict.fromkeys([*path.absolute().parents, *path.resolve().parents])
    return next((folder for folder in above if any((folder / mark).exists() for mark in _MARKS)), None)


def _sign(record: Any, config: Any, key: bytes | None) -> str | None:
    """Return the signature of a run's code and configuration, whose device may change (see `RunDirectory.content`)."""
    if key is None or not isinstance(record, dict) or not isinstance(config, Mapping):
        return None
    signed = {"code": record, "config": {name: value for name, value in config.items() if name != "device"}}
    return hmac.new(key, json.dumps(signed, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def _key(*, make: bool) -> bytes | None:
    """Return this user's key, made on first use; None where there is none that nobody else can read."""
    try:
        home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    except RuntimeError:  # no home
        home = tempfile.gettempdir()
    user = os.geteuid() if os.name == "posix" else 0
    files = [Path(home) / "sim2real" / "key", Path(tempfile.gettempdir()) / f"sim2real-{user}" / "key"]
    found = next(filter(None, map(_read_key, files)), None)
    return found or (next(filter(None, map(_make_key, files)), None) if make else None)


def _read_key(file: Path) -> bytes | None:
    try:
        status, key = file.lstat(), file.read_bytes()
    except OSError:
        return None
    private = os.name != "posix" or (status.st_uid == os.geteuid() and not status.st_mode & 0o077)
    return key if private and stat.S_ISREG(status.st_mode) and len(key) == _KEY_BYTES else None


def _make_key(file: Path) -> bytes | None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_key(file)
    except OSError:  # read-only, for one
        return None
    return _read_key(file)


def _write_key(file: Path) -> None:
    """Write a new key, whole from the beginning, unless another process is faster."""
    temporary = file.with_name(f".key.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_bytes(_KEY_BYTES))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(temporary, file)
    except FileExistsError:
        pass
    except OSError:  # no hard links there
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
