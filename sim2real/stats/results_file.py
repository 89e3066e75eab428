"""Reading results.json: every key and kind is checked, and what is wrong is named."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import UserError
from ..files.reading import load_json
from .records import BenchResults, RunRecord

__all__ = ["load_results", "results_from_mapping"]


class _Stored(BaseModel):
    """What a file has: no other keys, and no value taken for one of another kind."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _StoredRecord(_Stored):
    """A RunRecord; NaN is null, and earlier versions lack what has a default."""

    env: str
    target: str
    method: str
    seed: int
    status: str
    error: str | None
    steps: list[int]
    returns: list[float | None]
    return_sd: list[float | None]
    source_return_before: float | None
    source_return_after: float | None
    source_steps: int
    target_steps: int
    eval_steps: int
    episodes: int
    falls: int
    frozen_digest: str | None
    wall_seconds: float
    source: str | None = None
    companion_steps: int = 0
    eval_faults: int | None = None


class _StoredResults(_Stored):
    """BenchResults; a summary beside them is derived and ignored."""

    name: str
    records: list[_StoredRecord]
    settings: dict[str, Any]
    versions: dict[str, str]
    threshold_fraction: float
    default_method: str
    created: str
    summary: Any = None


def load_results(path: Path) -> BenchResults:
    """Read the results of a benchmark. Raises ValueError naming the file and the key that does not fit."""
    try:
        mapping = load_json(path)
    except UserError as error:
        raise ValueError(str(error)) from error
    try:
        return results_from_mapping(mapping, where=str(path))
    except OverflowError as error:
        raise ValueError(f"{path}: a number is too large ({error})") from error


def results_from_mapping(mapping: object, where: str = "results") -> BenchResults:
    """Build results from what `to_mapping` made; a `summary` beside them is derived and ignored.

    Raises ValueError naming `where` and the key that is missing, unknown or of the wrong kind.
    """
    try:
        stored = _StoredResults.model_validate(mapping)
    except ValidationError as error:
        raise ValueError(f"{where}: {_explain(error)}") from None
    records = tuple(_build(RunRecord, _values_of(record), where) for record in stored.records)
    return _build(BenchResults, {**_fields_of(stored), "records": records}, where)


def _fields_of(stored: _Stored) -> dict[str, Any]:
    return {name: getattr(stored, name) for name in type(stored).model_fields if name != "summary"}


def _values_of(record: _StoredRecord) -> dict[str, Any]:
    """Return the fields of a RunRecord, curves as arrays (num_evals,)."""
    values = _fields_of(record) | {"steps": np.array(record.steps, dtype=np.int64)}
    for name in ("returns", "return_sd"):
        values[name] = np.array([math.nan if item is None else item for item in values[name]], dtype=np.float64)
    return values


_Built = TypeVar("_Built")


def _build(kind: Callable[..., _Built], values: Mapping[str, Any], where: str) -> _Built:
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
}
"""Type of a pydantic error -> what was expected."""


def _explain(error: ValidationError) -> str:
    """Return what does not fit: the keys of an object, else the first value."""
    errors = error.errors(include_url=False)
    first = errors[0]
    keys = {"missing": [found for found in errors if found["type"] == "missing"]}
    keys["unknown"] = [found for found in errors if found["type"] == "extra_forbidden"]
    for found in (*keys["missing"], *keys["unknown"]):
        place = found["loc"][:-1]
        names = {kind: sorted(str(e["loc"][-1]) for e in some if e["loc"][:-1] == place) for kind, some in keys.items()}
        model = _StoredRecord if place else _StoredResults
        known = ", ".join(name for name in model.model_fields if name != "summary")
        text = ", ".join(f"{kind} {some}" for kind, some in names.items())
        return f"{_place(place)}keys do not fit: {text}; known are {known}"
    expected = _KINDS.get(first["type"])
    if expected is None:
        return f"{_place(first['loc'])}{first['msg']}, got {first['input']!r:.60}"
    return f"{_place(first['loc'])}expected {expected}, got {first['input']!r:.60}"


def _place(keys: tuple[int | str, ...]) -> str:
    """Return where something lies, `records[0]: steps[1]: `; empty for the whole."""
    text = ""
    for i, key in enumerate(keys):
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += f"{'' if not i else '.' if keys[0] != 'records' else ': '}{key}"
    return f"{text}: " if text else ""
