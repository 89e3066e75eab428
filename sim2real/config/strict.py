"""Strict: what every configuration file is checked against, and how it is read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from envs import bound, number_hint, unknown_name

from ..errors import USER_ERRORS, UserError
from ..files.reading import load_yaml
from .overrides import Where
from .shipped import shipped_configs

__all__ = ["Strict", "located", "read_yaml", "validate"]


class Strict(BaseModel):
    """A model that refuses keys it does not know, and values of the wrong type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


_NUMBER = re.compile("int_|float_|finite_number|greater|less")  # types of pydantic's errors
Model = TypeVar("Model", bound=Strict)


def read_yaml(path: Path, shipped: Iterable[str] | None = None) -> dict[str, Any]:
    """Read a YAML file that holds a mapping; `shipped` are names of those that come along, None: of runs.

    Raises:
        UserError: when it is missing, is no mapping, or as `load_yaml`.
    """
    try:
        content = load_yaml(path)
    except FileNotFoundError:
        names = list(shipped_configs() if shipped is None else shipped)
        close = difflib.get_close_matches(path.stem, names, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise UserError(f"{path}: no such file{hint}; configurations that come along: {', '.join(names)}") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a directory, expected a YAML file") from None
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: expected a mapping of keys to values, got {type(content).__name__}")
    return dict(content)


def validate(
    model: type[Model], content: Mapping[str, Any], where: Where, context: Mapping[str, Any] | None = None
) -> Model:
    """Check `content` of `where` against `model`; `context` is for its validators.

    Raises:
        UserError: with the first thing that is wrong and what would be right.
    """
    try:
        return model.model_validate(content, context=context)
    except ValidationError as error:
        raise located(where, _explain(model, error.errors()[0])) from None
    except USER_ERRORS as error:
        raise located(where, str(error)) from None


def located(where: Where, problem: str) -> UserError:
    """Return the error for a `problem` that begins with the dotted key it lies at."""
    return UserError(f"{where if isinstance(where, str) else where(problem)}: {problem}")


def _explain(model: type[BaseModel], error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{key}: {unknown_name('key', error['loc'][-1], _keys_at(model, error['loc'][:-1]))}"
    if error["type"] == "missing":
        return f"{key}: required but missing"
    message = error["msg"].removeprefix("Value error, ")
    if isinstance(error["input"], Mapping):
        return f"{key}: {message}" if key else message
    return f"{key}: {message}, got {bound(repr(error['input']), 200)}{_hint(error)}"


def _hint(error: Any) -> str:
    """Return how to write in YAML what was meant; empty where nothing is known."""
    if isinstance(error["input"], bool) and error["type"] == "string_type":
        return ": YAML reads no, off, yes and on as false and true, write it in quotes"
    if isinstance(error["input"], int | float) and error["type"] == "string_type":
        return ": YAML reads that as a number, write it in quotes"
    return number_hint(error["input"], whole=error["type"].startswith("int")) if _NUMBER.match(error["type"]) else ""


def _keys_at(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    """Return the keys valid at a place in the configuration."""
    current: Any = model
    for part in path:
        if isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields:
            current = current.model_fields[part].annotation
        elif (arguments := getattr(current, "__args__", None)) is not None:  # dict[str, Model]: part is its key
            current = arguments[-1]
    return list(current.model_fields) if isinstance(current, type) and issubclass(current, BaseModel) else []
