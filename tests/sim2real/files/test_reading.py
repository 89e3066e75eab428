"""What is read from files: each key once, bounded in size, depth and number, and what is said of the rest."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from sim2real.errors import UserError
from sim2real.files.reading import load_json, load_yaml, parse_json, parse_yaml


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3", ("'a' stands twice", "line 1 and line 3")),
        ("a: {b: 1, c: 2, b: 3}", ("'b' stands twice",)),
        ("1: x\n0x1: y", ("1 stands twice",)),
        ("a: 1\n'a': 2", ("'a' stands twice",)),
        ("no: 1", ("'no' is read as false: write it in quotes", "line 1")),
        ("a: &x [*x]", ("an alias inside",)),
        ("[" * 5000, ("nested more than 64 deep",)),
        ("a: !!python/object/apply:os.system [x]", ("could not determine a constructor", "os.system")),
        ("a: !!int x", ("'x' cannot be read as int", "line 1")),
        ("a: " + "9" * 5000, ("cannot be read as int",)),
        ("a: 0\nb: 1:30", ("'1:30' is read to the base of 60, 90: write 90, or '1:30' in quotes", "line 2")),
        ("a: [-1:30.5]", ("'-1:30.5' is read to the base of 60, -90.5: write -90.5",)),
        ("010: x", ("'010' is read as octal digits, 8: write 10 or 8, or '010' in quotes", "line 1")),
        ("a: !!binary aGk=", ("could not determine a constructor",)),
        ("? [a]\n: b", ("a key must be one word or number",)),
    ],
)
def test_yaml_says_what_is_wrong_and_where(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        parse_yaml(text)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert len(str(error.value)) < 500


def test_aliases_and_merge_keys_count_with_what_they_stand_for() -> None:
    assert parse_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a") == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": {"x": 1, "y": 2},
    }
    names = "abcdefghi"
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in pairwise(names)
    )
    merges = "a: &a {x: 1}\n" + "".join(
        f"{new}: &{new} {{<<: [{','.join([f'*{old}'] * 9)}]}}\n" for old, new in pairwise(names)
    )
    chain = "a0: &a0 [x]\n" + "".join(f"a{i + 1}: &a{i + 1} [*a{i}]\n" for i in range(80))
    for text, word in ((bomb, "200,000 values"), (merges, "200,000 values"), (chain, "nested more than 64 deep")):
        with pytest.raises(ValueError, match=word):
            parse_yaml(text)


def test_numbers_in_quotes_and_of_one_meaning_are_read() -> None:
    text = "['1:30', \"010\", 0x1F, 0b11, 007, 0, -0, 1_000, 0.5]"
    assert parse_yaml(text) == ["1:30", "010", 31, 3, 7, 0, 0, 1000, 0.5]


def test_dates_are_texts() -> None:
    assert parse_yaml("[2024-01-02, 2024-13-45]") == ["2024-01-02", "2024-13-45"]


def test_json_has_each_key_once_and_is_not_deep() -> None:
    assert parse_json('{"a": ["[[", {"b": 1}]}') == {"a": ["[[", {"b": 1}]}
    with pytest.raises(ValueError, match="'a' stands twice, in line 2 and line 4"):
        parse_json('{\n"a": 1,\n"b": 2,\n"a": 3}')
    for text in ("[" * 100_000, '{"a":' * 65 + "1" + "}" * 65, "9" * 5000, "{"):
        with pytest.raises(ValueError, match=r"nested|limit|Expecting"):
            parse_json(text)


@pytest.mark.parametrize("load", [load_yaml, load_json])
def test_only_regular_files_of_a_sensible_size_are_read(tmp_path: Path, load: object) -> None:
    assert callable(load)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(UserError, match=r"must be a regular file"):
            load(path)
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**29)  # takes no room
    with pytest.raises(UserError, match="is larger than the"):
        load(tmp_path / "huge")
    (tmp_path / "latin").write_bytes("ä: 1".encode("latin-1"))
    with pytest.raises(UserError, match="not UTF-8"):
        load(tmp_path / "latin")
    with pytest.raises(IsADirectoryError):
        load(tmp_path)
