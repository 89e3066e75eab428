"""Configurations from files, mappings and runs, with overrides; the job of a transfer."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config.config import RunConfig, resolve_config, validate
from ..config.config import load_config as load_file
from ..config.overrides import Override, apply_overrides, place_of, target_severity
from ..config.severities import resolve_severities
from ..errors import UserError
from ..methods import DEFAULT_METHODS, METHODS
from ..runs.run import RunDirectory
from ..transfer.job import Transfer

__all__ = ["ConfigLike", "change", "keyword_overrides", "load_config", "make_job", "target_overrides"]

ConfigLike = RunConfig | Mapping[str, Any] | str | os.PathLike[str]
"""a configuration, its content, its file, or the name of one that comes along"""
_IN_PYTHON = Path("configuration")  # relative names in a mapping start in the working directory


def load_config(
    config: ConfigLike,
    *,
    set: Mapping[str, Any] | None = None,
    seed: int | None = None,
    device: str | None = None,
    trust: bool = False,
) -> RunConfig:
    """Read and check the configuration of a run.

        config = sim2real.load_config("hopper", set={"budget.source_steps": 204_800}, seed=1)

    Args:
        config: a YAML file, the name of a configuration that comes along, a mapping with the keys of such a file, or a
            RunConfig.
        set: dotted key -> value that replaces what the configuration has there.
        seed: of the run, in place of the configuration's.
        device: of the networks, in place of the configuration's: auto, cpu, cuda or mps.
        trust: allow code that comes with a run, or that a run made elsewhere names.

    Raises:
        UserError: naming file and key, or the override, with value, rule and valid choices.
    """
    return change(config, keyword_overrides(set, seed=("seed", seed), device=("device", device)), trust=trust)


def keyword_overrides(set: Mapping[str, Any] | None, **given: tuple[str, Any]) -> list[Override]:
    """Return the overrides of Python's keyword arguments: those of `set`, then argument=(dotted key, value or None)."""
    found = [Override(key, value, f"set={{{key!r}: {value!r:.200}}}") for key, value in (set or {}).items()]
    named = [(name, key, value) for name, (key, value) in given.items() if value is not None]
    return found + [Override(key, value, f"{name}={value!r:.200}") for name, key, value in named]


def change(config: ConfigLike, overrides: Sequence[Override], *, trust: bool = False) -> RunConfig:
    """Return a checked configuration with `overrides` in place; UserError as `load_config`."""
    if isinstance(config, RunConfig):
        if not overrides:
            return config
        own = config.model_dump(mode="json")
        content, where = apply_overrides(own, overrides), place_of("config", own, overrides)
        return validate(RunConfig, resolve_severities(content, _IN_PYTHON, where), where, {"code": config.code})
    if isinstance(config, Mapping):
        where = place_of("config", config, overrides)
        return resolve_config(apply_overrides(config, overrides), _IN_PYTHON, where, trust=trust)
    return load_file(Path(config), overrides, trust=trust)


def target_overrides(
    content: Mapping[str, Any], targets: Iterable[str], severity: float | str | None, place: str
) -> list[Override]:
    """Return the overrides by which the domains `targets` of a configuration's `content` get a severity.

    Raises:
        UserError: when there is a severity and no target.
    """
    if severity is None:
        return []
    found = [target_severity(content, target, severity, place) for target in targets]
    if not found:
        raise UserError(f"{place}: a severity belongs to a target; name one")
    return found


def make_job(
    source: RunDirectory | None,
    target: str,
    *,
    method: str | None,
    config: ConfigLike | None,
    overrides: Sequence[Override],
    steps: tuple[str, int] | None = None,
    severity: tuple[str, float | str] | None = None,
    trust: bool = False,
) -> Transfer:
    """Return the transfer of `source` to `target`.

    Args:
        source: the run of the source agent; None for a method that needs none.
        target: a target of the configuration, or a shift.
        method: a name in METHODS; None: the default of the configuration's learner.
        config: of the target run; None: the source run's own.
        overrides: of the configuration.
        steps: (as the user wrote it, steps to train), of the budget that the method spends.
        severity: (as the user wrote it, severity of the target).
        trust: whether code that was not made here may be loaded.

    Raises:
        UserError: as `load_config`, and without source and configuration.
    """
    if config is None:
        if source is None:
            raise UserError("transfer: name a source run, or a configuration for a method that needs no source")
        source.content()  # raises where it is no longer what the run was made with
        config = source.path / "config.resolved.yaml"
    before = change(config, overrides, trust=trust)
    name = method or DEFAULT_METHODS[before.agent.algorithm]
    more = []
    if severity is not None:
        more += target_overrides(before.model_dump(include={"targets"}), [target], severity[1], severity[0])
    if steps is not None:
        budget = METHODS[name].budget if name in METHODS else "target"
        more.append(Override(f"budget.{budget}_steps", steps[1], steps[0]))
    loaded = change(config, [*overrides, *more], trust=trust) if more else before
    return Transfer(loaded, source, target, name)
