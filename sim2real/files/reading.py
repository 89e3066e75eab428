"""Reading YAML and JSON that anyone may have written: plain values, each key once, bounded in size, depth and number.

Only regular files are read: a pipe or a device would block or never end. An alias (`*name`) counts with all that it
stands for, so a file of a kilobyte cannot become gigabytes; an anchor inside itself is refused.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, Node, ScalarNode

from ..errors import UserError

__all__ = ["GENERATED", "Limits", "load_json", "load_yaml", "parse_json", "parse_yaml", "read_text"]


class Limits(NamedTuple):
    """The largest file that is read.

    Attributes:
        num_bytes: of the file.
        nodes: values in it, every alias with all that it stands for; a long text counts as one for 32 characters.
    """

    num_bytes: int
    nodes: int


WRITTEN = Limits(2**18, 200_000)  # by a person: a configuration
GENERATED = Limits(2**28, 50_000_000)  # by the product: a benchmark of some 10^5 runs

_DEPTH = 64  # of lists and mappings in one another
_TEXT = 32  # characters that count as one value
_MERGE = "tag:yaml.org,2002:merge"
_DATE = "tag:yaml.org,2002:timestamp"
_TAGS = (
    *(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map")),  # JSON's too
    None,  # the constructor for all others: it says which tag it does not know
)
_NAMELESS = re.compile(r'\s+in "<unicode string>",')  # how PyYAML calls what it did not open itself
_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def read_text(path: Path, limits: Limits = WRITTEN) -> str:
    """Return the text of a regular file.

    Raises:
        UserError: when it is none, too large, or not UTF-8.
        OSError: when it cannot be opened.
    """
    with open(path, "rb", opener=_open_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise UserError(f"{path}: must be a regular file, not a pipe, socket or device")
        data = file.read(limits.num_bytes + 1)
    if len(data) > limits.num_bytes:
        raise UserError(f"{path}: is larger than the {limits.num_bytes:,} bytes that are read of such a file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text: {error}") from None


def _open_without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe that nobody writes to would be waited for."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def load_yaml(path: Path, limits: Limits = WRITTEN) -> Any:
    """Return what the YAML file at `path` says.

    Raises:
        UserError: as `read_text`, and where `parse_yaml` raises ValueError.
        OSError: when it cannot be opened.
    """
    return _load(path, limits, "not valid YAML", lambda text: parse_yaml(text, limits))


def load_json(path: Path, limits: Limits = GENERATED) -> Any:
    """Return what the JSON file at `path` says; errors as `load_yaml`."""
    return _load(path, limits, "damaged: not valid JSON", parse_json)


def _load(path: Path, limits: Limits, problem: str, parse: Callable[[str], Any]) -> Any:
    text = read_text(path, limits)
    try:
        return parse(text)
    except ValueError as error:
        raise UserError(f"{path}: {problem}: {error}") from None


def parse_yaml(text: str, limits: Limits = WRITTEN) -> Any:
    """Return what YAML says.

    Raises:
        ValueError: with line and column, when it is no YAML, has a key twice, is nested too deeply, holds too much, or
            something other than plain values.
    """
    loader = None
    try:
        loader = _Loader(text, limits)
        return loader.get_single_data()
    except yaml.YAMLError as error:
        raise ValueError(" ".join(_NAMELESS.sub(":", str(error)).split())) from None
    finally:
        if loader is not None:
            loader.dispose()


def parse_json(text: str) -> Any:
    """Return what JSON says.

    Raises:
        ValueError: when it is no JSON, has a key twice (with both lines where they can be found), is nested too deeply
            or holds a number too long to read.
    """
    if (depth := _json_depth(text)) > _DEPTH:
        raise ValueError(f"nested {depth} deep, at most {_DEPTH} are read")
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates)
    except _DuplicateError as error:
        if len(text) <= WRITTEN.num_bytes:
            parse_yaml(text)  # JSON is YAML, and there the key has lines
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError(f"nested too deeply, at most {_DEPTH} are read") from None


class _DuplicateError(ValueError):
    """A key that stands twice in one JSON object."""


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _DuplicateError(f"key {_quoted(twice)} stands twice in one object")
    return found


def _json_depth(text: str) -> int:
    """Return how deep brackets outside of texts are nested."""
    codes = np.frombuffer(_STRING.sub("", text).encode("utf-8", "replace"), np.uint8)
    steps = np.isin(codes, (0x5B, 0x7B)).astype(np.int64) - np.isin(codes, (0x5D, 0x7D))
    return int(steps.cumsum().max(initial=0))


def _quoted(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


class _Size(NamedTuple):
    """What a node comes to with its aliases expanded."""

    nodes: int
    depth: int


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, bounded, for plain values, each key once; dates are texts."""

    yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in rows if tag != _DATE]
        for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors = {tag: yaml.SafeLoader.yaml_constructors[tag] for tag in _TAGS}

    def __init__(self, text: str, limits: Limits) -> None:
        super().__init__(text)
        self._limits, self._depth = limits, 0
        self._sizes: dict[int, _Size] = {}  # by id(node), of nodes that are complete

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """Compose a node, and bound what it comes to."""
        alias = self.check_event(yaml.AliasEvent)
        start = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        self._depth += 1
        self._require(self._depth <= _DEPTH, f"nested more than {_DEPTH} deep", start)
        node = super().compose_node(parent, index)
        assert node is not None
        self._depth -= 1
        if alias:
            self._require(id(node) in self._sizes, "an alias inside of what it stands for", start)
            return node
        if isinstance(node, MappingNode):
            self._require_distinct_keys(node)
        size = _size(node, self._sizes)
        self._require(size.depth <= _DEPTH, f"nested more than {_DEPTH} deep, aliases expanded", start)
        self._require(size.nodes <= self._limits.nodes, f"more than {self._limits.nodes:,} values", start)
        self._sizes[id(node)] = size
        return node

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        """Construct a value; what Python cannot make of a tagged or very long one is an error of the file."""
        try:
            value = super().construct_object(node, deep)
            self._require_plain_number(node, value)
            return value
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            problem = f"{_quoted(node.value)} cannot be read as {node.tag.rpartition(':')[2]}: {error}"
            raise ConstructorError(None, None, problem, node.start_mark) from None

    def _require_plain_number(self, node: Node, value: Any) -> None:
        """Raise on a number that is another one in YAML 1.2 and to most who read it: `1:30` is 90 here, `010` is 8."""
        if not isinstance(node, ScalarNode) or node.style is not None or not isinstance(value, int | float):
            return
        text, how = node.value, ""
        if ":" in text:
            how, instead = "to the base of 60", f"{value}"
        elif _OCTAL.fullmatch(text) and value != (decimal := int(text)):
            how, instead = "as octal digits", f"{decimal} or {value}"
        if how:
            problem = f"{_quoted(text)} is read {how}, {value}: write {instead}, or '{text}' in quotes for a text"
            raise ConstructorError(None, None, problem, node.start_mark)

    def _require(self, holds: bool, problem: str, place: Any) -> None:
        if not holds:
            raise ConstructorError(None, None, problem, place)

    def _require_distinct_keys(self, node: MappingNode) -> None:
        """Raise unless every key is one that can stand in a configuration, once."""
        seen: dict[Hashable, Node] = {}
        for key, _ in node.value:
            self._require(isinstance(key, ScalarNode), "a key must be one word or number", key.start_mark)
            value = "<<" if key.tag == _MERGE else self.construct_object(key)
            if value is None or isinstance(value, bool):
                word = {None: "null", True: "true", False: "false"}[value]
                problem = f"key {_quoted(key.value)} is read as {word}: write it in quotes"
                raise ConstructorError(None, None, problem, key.start_mark)
            if value in seen:
                lines = f"line {seen[value].start_mark.line + 1} and line {key.start_mark.line + 1}"
                raise ConstructorError(None, None, f"key {_quoted(value)} stands twice, in {lines}", key.start_mark)
            seen[value] = key


def _size(node: Node, sizes: Mapping[int, _Size]) -> _Size:
    """Return what a node comes to whose children are among `sizes`."""
    if isinstance(node, ScalarNode):
        return _Size(1 + len(node.value) // _TEXT, 1)
    children = [child for pair in node.value for child in pair] if isinstance(node, MappingNode) else node.value
    below = [sizes[id(child)] for child in children]
    return _Size(1 + sum(size.nodes for size in below), 1 + max((size.depth for size in below), default=0))
