"""What makes a run this run: the identity that its manifest has, and that each of its checkpoints repeats."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents import Bundle, CheckpointError

from ..config.config import DEVICES, RunConfig, config_digest, content_digest
from ..errors import UserError
from ..files.differences import describe_differences

__all__ = ["make_manifest", "require_own", "require_same_run", "same_but_for_device"]

_NOT_IDENTITY = ("versions", "code", "signature", "config")  # of a manifest: they may differ, or are checked elsewhere


def make_manifest(config: RunConfig, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a manifest decides the run's result."""
    return {**identity, "seed": config.seed, "config": config_digest(config)}


def require_same_run(
    path: Path, there: Mapping[str, Any], content: Mapping[str, Any], wanted: Mapping[str, Any], config: RunConfig
) -> None:
    """Check that the run in `path`, of the manifest `there` and the configuration `content`, is the one `wanted`.

    Raises:
        UserError: naming the keys that differ, with both values.
    """
    if all(there.get(key) == value for key, value in wanted.items()):
        return
    found = {**{key: there.get(key) for key in wanted}, "config": content}
    differences = describe_differences(found, {**wanted, "config": config.model_dump(mode="json")})
    parents = "" if there.get("parent") == wanted.get("parent") else " (parent: the source agent's checkpoint)"
    raise UserError(
        f"{path}: --resume continues the same run only; differs in {differences}{parents}; choose another --out, or "
        "ask for what is there"
    )


def same_but_for_device(content: Mapping[str, Any]) -> set[str]:
    """Return the digests of a configuration on every device: a run may go on, or act, on another machine."""
    return {content_digest({**content, "device": name}) for name in DEVICES}


def require_own(
    path: Path, bundle: Bundle, manifest: Mapping[str, Any], content: Mapping[str, Any], ledger: Mapping[str, Any]
) -> None:
    """Check that the checkpoint in `path` was written by the run of `manifest`, `content` and `ledger`.

    Raises:
        CheckpointError: naming the keys that differ, or both digests where it is not the one that the run ended with.
    """
    there = {key: value for key, value in manifest.items() if key not in _NOT_IDENTITY}
    found = {key: bundle.meta.get(key) for key in there}
    if found != there:
        raise CheckpointError(
            f"{path}: is a checkpoint of another run: {describe_differences(there, found, ('run', 'checkpoint'))}"
        )
    if bundle.meta.get("config") not in same_but_for_device(content):
        raise CheckpointError(
            f"{path}: is a checkpoint of another run: its configuration has the digest {bundle.meta.get('config')}, "
            f"the run's {manifest.get('config')}"
        )
    end = ledger.get("checkpoint")
    if end is not None and bundle.meta.get("step") == ledger.get("steps") and bundle.digest != end:
        raise CheckpointError(
            f"{path}: is not the checkpoint that the run ended with: digest {bundle.digest}, ledger.json has {end}"
        )
