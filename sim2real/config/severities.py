"""Severities by name: levels of a shift, and those that a calibration found for one policy.

A target of a configuration may say `{shift: rwrl_action_delay, severity: hard}`, a level of the shift itself, or
`{shift: heavy, severity: moderate, calibration: calibrations/hopper-heavy.yaml}`, a level of a calibration. Both become
numbers when the configuration is loaded, so that a resolved one means the same for ever.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from envs import SHIFTS, EnvsError, unknown_name

from ..errors import UserError
from ..files.reading import load_yaml
from .overrides import Where
from .strict import located

__all__ = ["level_names", "resolve_severities"]


_NAMES = {0.15: "mild", 0.4: "moderate", 0.7: "severe"}  # these drops alone, so that a name means the same everywhere


def level_names(drops: list[float]) -> list[str]:
    """Return what severities are called that cost these shares of the return, e.g. `mild` for 0.15, `drop_0.5`."""
    return [_NAMES.get(drop, f"drop_{drop}") for drop in drops]


def resolve_severities(content: Mapping[str, Any], file: Path, where: Where) -> dict[str, Any]:
    """Return a configuration's content with every named severity as the number it stands for.

    Args:
        content: as read from YAML, not checked yet; what is malformed is left to the check that follows.
        file: where it was read; calibrations are looked for beside it, then in the working directory.
        where: where its keys were given, for messages.

    Raises:
        UserError: naming the target and what is wrong with its level or calibration.
    """
    targets = content.get("targets")
    if not isinstance(targets, Mapping):
        return dict(content)
    return {
        **content,
        "targets": {name: _resolve(content, name, target, file, where) for name, target in targets.items()},
    }


def _resolve(content: Mapping[str, Any], name: str, target: Any, file: Path, where: Where) -> Any:
    if not isinstance(target, Mapping) or not isinstance(target.get("shift"), str) or target["shift"] not in SHIFTS:
        return target
    severity, calibration = target.get("severity"), target.get("calibration")
    try:
        if calibration is not None:
            wanted = {"env": content.get("env"), "task": content.get("task") or {}, "shift": target["shift"]}
            number = _calibrated(_find(str(calibration), file), wanted, severity)
        elif isinstance(severity, str):
            number = _level(target["shift"], severity)
        else:
            return target
    except (UserError, EnvsError) as error:
        raise located(where, f"targets.{name}.{error}") from None
    return {**{k: v for k, v in target.items() if k != "calibration"}, "severity": number}


def _level(shift: str, level: str) -> float:
    """Return the severity that the shift itself calls `level`."""
    try:
        return SHIFTS[shift].number(level)
    except EnvsError as error:
        names = ", ".join(_NAMES.values())
        raise UserError(f"{error}; {names} need `calibration: FILE`, which `sim2real calibrate` writes") from None


def _find(name: str, file: Path) -> Path:
    places = dict.fromkeys((file.parent / name, Path(name)))
    for place in places:
        if place.is_file():
            return place
    raise UserError(f"calibration: no such file {name!r}; looked for {' and '.join(map(str, places))}")


def _calibrated(path: Path, wanted: Mapping[str, Any], level: Any) -> float:
    """Return the severity that a calibration calls `level`, if it is of the `wanted` env, task options and shift."""
    content = {"task": {}, **_read(path)}
    for key, value in wanted.items():
        if content.get(key) != value:
            raise UserError(f"calibration: {path} is of {key} {content.get(key)!r}; must be of {value!r}")
    levels, absent = content.get("severities"), content.get("absent") or {}
    if not isinstance(levels, Mapping) or not isinstance(absent, Mapping):
        raise UserError(f"calibration: {path} is damaged: it has no severities")
    if isinstance(level, str) and level in absent:
        raise UserError(f"severity: {path} found no {level!r}: {absent[level]}; valid: {', '.join(levels) or 'none'}")
    if not isinstance(level, str) or level not in levels:
        raise UserError(f"severity: {unknown_name(f'level of {path}', level, map(str, levels))}")
    number = levels[level].get("severity") if isinstance(levels[level], Mapping) else None
    if not isinstance(number, int | float) or isinstance(number, bool) or not math.isfinite(number):
        raise UserError(f"calibration: {path} is damaged: the severity of {level!r} is {number!r}, no number")
    return float(number)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = load_yaml(path)
    except UserError as error:
        raise UserError(f"calibration: {error}") from None
    except OSError as error:
        raise UserError(f"calibration: {path} cannot be read ({error.strerror})") from None
    if not isinstance(content, Mapping):
        raise UserError(f"calibration: {path} holds no calibration")
    return content
