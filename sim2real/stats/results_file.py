"""Reading results.json: every key and kind is checked, and what is wrong is named."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import UserError
from ..files.reading import load_json
from .records import BenchResults, RunRecord

__all__ = ["load_results", "results_from_mapping"]


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
    content = {key: value for key, value in _mapping(mapping, where).items() if key != "summary"}
    values = _read(content, _RESULT_FIELDS, where)
    records = [
        _build(
            RunRecord,
            _read(_record(item, f"{where}: records[{i}]"), _RECORD_FIELDS, f"{where}: records[{i}]"),
            where,
        )
        for i, item in enumerate(values["records"])
    ]
    return _build(BenchResults, values | {"records": tuple(records)}, where)


def _record(value: object, where: str) -> dict[str, object]:
    """Return the mapping of a record, with defaults for the keys that earlier versions lack."""
    return {"source": None, "companion_steps": 0, "eval_faults": None, **_mapping(value, where)}


_Reader: TypeAlias = Callable[[object, str], Any]
_Built = TypeVar("_Built")


def _build(kind: Callable[..., _Built], values: Mapping[str, Any], where: str) -> _Built:
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _read(content: Mapping[str, object], readers: Mapping[str, _Reader], where: str) -> dict[str, Any]:
    missing, unknown = readers.keys() - content.keys(), content.keys() - readers.keys()
    if missing or unknown:
        problem = f"missing {sorted(missing)}, unknown {sorted(unknown)}"
        raise ValueError(f"{where}: keys do not fit: {problem}; known are {', '.join(readers)}")
    return {key: reader(content[key], f"{where}: {key}") for key, reader in readers.items()}


def _a(kind: type | tuple[type, ...], words: str) -> _Reader:
    """Reader that takes values of `kind` (True is no number) and says `words` otherwise."""

    def read(value: object, where: str) -> Any:
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"{where}: expected {words}, got {value!r:.60}")
        return value

    return read


_mapping, _list, _text = _a(dict, "an object"), _a(list, "a list"), _a(str, "text")
_count, _number = _a(int, "a whole number"), _a((int, float), "a number")


def _or_none(reader: _Reader) -> _Reader:
    return lambda value, where: None if value is None else reader(value, where)


def _counts(value: object, where: str) -> npt.NDArray[np.int64]:
    items = [_count(item, f"{where}[{i}]") for i, item in enumerate(_list(value, where))]
    return np.array(items, dtype=np.int64)


def _texts(value: object, where: str) -> dict[str, str]:
    return {key: _text(item, f"{where}.{key}") for key, item in _mapping(value, where).items()}


def _numbers(value: object, where: str) -> npt.NDArray[np.float64]:
    items = enumerate(_list(value, where))
    entries = [math.nan if item is None else float(_number(item, f"{where}[{i}]")) for i, item in items]
    return np.array(entries, dtype=np.float64)


_RECORD_FIELDS: dict[str, _Reader] = {
    "env": _text,
    "target": _text,
    "method": _text,
    "seed": _count,
    "status": _text,
    "error": _or_none(_text),
    "steps": _counts,
    "returns": _numbers,
    "return_sd": _numbers,
    "source_return_before": _or_none(_number),
    "source_return_after": _or_none(_number),
    "source_steps": _count,
    "target_steps": _count,
    "eval_steps": _count,
    "episodes": _count,
    "falls": _count,
    "frozen_digest": _or_none(_text),
    "wall_seconds": _number,
    "source": _or_none(_text),
    "companion_steps": _count,
    "eval_faults": _or_none(_count),
}
_RESULT_FIELDS: dict[str, _Reader] = {
    "name": _text,
    "records": _list,
    "settings": _mapping,
    "versions": _texts,
    "threshold_fraction": _number,
    "default_method": _text,
    "created": _text,
}
