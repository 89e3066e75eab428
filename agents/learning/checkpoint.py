"""Bundles on disk: safetensors and JSON, checksummed, written whole or not at all, never executed.

    <bundle>/weights.safetensors   the parts' tensors by name
             state.safetensors     what a learner needs besides to continue exactly
             manifest.json         {format, files: {name: {sha256, bytes}}, meta, meta_sha256}

A bundle is written into a hidden sibling directory, every file is flushed to disk, the manifest last, and the
directory is renamed into place. So whatever kills a save, a bundle is either whole or not there.

A bundle's digest, its name in a lineage, covers the files and the meta data but for `meta["clock"]`: what a run took
by the clock is no part of what it is, and two runs of equal bytes have equal digests.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from ..errors import CheckpointError

__all__ = ["Bundle", "bundle_digest", "load_bundle", "save_bundle", "verify"]

_FORMAT = "sim2real-bundle/3"
_MANIFEST = "manifest.json"
_FILES = ("weights.safetensors", "state.safetensors")
_DEPTH = 64  # of lists and objects in one another
_LARGEST_MANIFEST = 2**26  # bytes
_FORGED = (ValueError, KeyError, TypeError, RuntimeError, OverflowError, MemoryError)  # what odd headers end in
_CLOCK = "clock"  # key in meta of what differs between equal runs


@dataclass(frozen=True)
class Bundle:
    """The contents of a verified bundle."""

    weights: dict[str, torch.Tensor]
    state: dict[str, torch.Tensor]
    meta: dict[str, Any]
    digest: str  # sha256 over the files' checksums and the meta data without its clock


def _sha256(data: Any) -> str:
    """Return the sha256 (hex) of JSON data in the one form that does not depend on order or layout."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(manifest: Mapping[str, Any]) -> str:
    """Return the digest of the bundle that a checked manifest describes."""
    meta = {key: value for key, value in manifest["meta"].items() if key != _CLOCK}
    return _sha256({"files": manifest["files"], "meta": meta})


def _sync_directory(path: Path) -> None:
    """Flush a directory's entries to disk, where the system lets a directory be opened."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write(path: Path, data: bytes) -> None:
    """Write and flush one file; an OSError names it, which a write to an open file alone does not."""
    try:
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _serialize(name: str, tensors: Mapping[str, torch.Tensor]) -> bytes:
    """Return the safetensors bytes of `tensors`, copied to the CPU; the same tensors give the same bytes."""
    plain = {key: tensor.detach().cpu().clone().contiguous() for key, tensor in tensors.items()}
    try:
        data: bytes = safetensors.torch.save(plain)
    except (ValueError, KeyError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{name}: cannot be written: {error}") from error
    return data


def _temporary(path: Path) -> Path:
    return path.parent / f".{path.name}.writing"


def _previous(path: Path) -> Path:
    return path.parent / f".{path.name}.previous"


def _settle(path: Path) -> None:
    """Finish what a killed save left: put an old bundle back that was moved aside and never replaced."""
    previous = _previous(path)
    if previous.exists():
        if path.exists():
            shutil.rmtree(previous)
        else:
            previous.rename(path)


def save_bundle(
    path: Path | str,
    *,
    weights: Mapping[str, torch.Tensor],
    state: Mapping[str, torch.Tensor],
    meta: Mapping[str, Any],
) -> str:
    """Write a bundle to the directory `path`, replacing a bundle that is there, and return its digest.

    What differs between two equal runs, seconds for one, belongs under `meta["clock"]`.
    Raises CheckpointError if `meta` is not JSON (nan and infinity are not), a tensor cannot be stored, or weights hold
    NaN.
    """
    path = Path(path)
    _require_numbers(_FILES[0], weights)
    contents = {_FILES[0]: _serialize(_FILES[0], weights), _FILES[1]: _serialize(_FILES[1], state)}
    files = {name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in contents.items()}
    try:
        plain = json.loads(json.dumps(dict(meta), allow_nan=False))  # as a reader will see it
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{_MANIFEST}: meta is not JSON: {error}") from error
    manifest = {"format": _FORMAT, "files": files, "meta": plain, "meta_sha256": _sha256(plain)}
    contents[_MANIFEST] = json.dumps(manifest, indent=1, sort_keys=True).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    _settle(path)
    temporary = _temporary(path)
    if temporary.exists():
        shutil.rmtree(temporary)
    temporary.mkdir()
    try:
        for name, data in contents.items():  # the manifest last
            _write(temporary / name, data)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)  # on a full disk, room for others
        raise
    _sync_directory(temporary)
    if path.exists():
        # Two renames are not one step; a kill in between leaves the old bundle aside, and it still counts.
        path.rename(_previous(path))
    temporary.rename(path)
    _sync_directory(path.parent)
    _settle(path)
    return _digest(manifest)


def _read(path: Path, expected: object = None) -> bytes:
    """Return a regular file's bytes; CheckpointError if it is not there or has not the `expected` number of them."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise CheckpointError(f"{path}: must be a regular file")
        if expected is None and found.st_size > _LARGEST_MANIFEST:
            raise CheckpointError(f"{path}: {found.st_size:,} bytes, a manifest has at most {_LARGEST_MANIFEST:,}")
        if expected is not None and found.st_size != expected:
            raise CheckpointError(f"{path}: {found.st_size} bytes, the manifest says {expected}")
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from error


def _read_manifest(path: Path, data: bytes) -> dict[str, Any]:
    """Return the parsed manifest; CheckpointError if it is not one of this format or its meta was altered."""
    try:
        manifest = json.loads(data, parse_constant=_refuse_constant, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not JSON: {error}") from error
    if not _is_shallow(manifest):
        raise CheckpointError(f"{path}: nested more than {_DEPTH} deep")
    if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else type(manifest).__name__
        raise CheckpointError(f"{path}: unknown format {found!r}; this version reads {_FORMAT!r}")
    files, meta = manifest.get("files"), manifest.get("meta")
    if not isinstance(files, dict) or not isinstance(meta, dict):
        raise CheckpointError(f"{path}: `files` and `meta` must be objects")
    for name in files:
        if name not in _FILES:
            raise CheckpointError(f"{path}: lists {name!r}; a bundle has {', '.join(_FILES)} and nothing else")
    for name in _FILES:
        if not isinstance(files.get(name), dict):
            raise CheckpointError(f"{path}: does not list {name}")
    if not _is_unaltered(meta, manifest.get("meta_sha256")):
        raise CheckpointError(f"{path}: meta was altered: its checksum differs from meta_sha256")
    return manifest


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} stands twice in one object")
    return found


def _is_shallow(value: Any) -> bool:
    """Return whether lists and objects are nested at most `_DEPTH` deep."""
    level = [value]
    for _ in range(_DEPTH):
        containers = [item for item in level if isinstance(item, dict | list)]
        level = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
        if not level:
            return True
    return False


def _is_unaltered(meta: Mapping[str, Any], checksum: object) -> bool:
    try:
        return _sha256(meta) == checksum
    except ValueError:  # a number such as 1e999, which no writer has written
        return False


def _standing(directory: Path) -> Path:
    """Return where the bundle of that name is: aside, if a save was killed between its two renames."""
    previous = _previous(directory)
    return previous if not directory.exists() and previous.exists() else directory


def _read_verified(directory: Path) -> tuple[dict[str, bytes], dict[str, Any], str]:
    """Return the files' verified bytes, the meta data and the bundle's digest; else CheckpointError."""
    directory = _standing(directory)
    data = _read(directory / _MANIFEST)
    manifest = _read_manifest(directory / _MANIFEST, data)
    contents = {}
    for name in _FILES:
        expected, path = manifest["files"][name], directory / name
        contents[name] = _read(path, expected.get("bytes", "nothing"))
        if hashlib.sha256(contents[name]).hexdigest() != expected.get("sha256"):
            raise CheckpointError(f"{path}: checksum differs from the manifest's")
    return contents, manifest["meta"], _digest(manifest)


def _parse(path: Path, data: bytes) -> dict[str, torch.Tensor]:
    """Return the tensors in safetensors bytes; CheckpointError if they are not."""
    try:
        tensors: dict[str, torch.Tensor] = safetensors.torch.load(data)
    except (safetensors.SafetensorError, *_FORGED) as error:
        raise CheckpointError(f"{path}: not safetensors: {error}") from error
    if path.name == _FILES[0]:
        _require_numbers(str(path), tensors)
    return tensors


def _require_numbers(where: str, weights: Mapping[str, torch.Tensor]) -> None:
    """Raise CheckpointError on NaN; infinities may be the mask of a user's module."""
    for name, tensor in weights.items():
        if tensor.is_floating_point() and bool(tensor.isnan().any()):
            raise CheckpointError(f"{where}: {name!r} contains NaN: nobody can act by it")


def load_bundle(path: Path | str) -> Bundle:
    """Return the bundle in the directory `path`, parsed from the very bytes that were verified.

    Raises CheckpointError, with the file and the reason, on anything missing, truncated, altered or of
    another format.
    """
    path = Path(path)
    contents, meta, digest = _read_verified(path)
    weights, state = (_parse(path / name, contents[name]) for name in _FILES)
    return Bundle(weights, state, meta, digest)


def verify(path: Path | str) -> str:
    """Check a bundle's files against its manifest and return its digest; CheckpointError if any fails."""
    return _read_verified(Path(path))[2]


def bundle_digest(path: Path | str) -> str:
    """Return a bundle's digest, its name in a lineage. Does not check the other files."""
    manifest = _standing(Path(path)) / _MANIFEST
    return _digest(_read_manifest(manifest, _read(manifest)))
