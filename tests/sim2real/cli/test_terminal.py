"""What is printed is what was meant: names are no markup, control characters stay out, and any encoding will do."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sim2real.cli.terminal import PlainConsole, print_anything
from sim2real.files.files import write_atomic
from sim2real.runs.monitor import Monitor
from sim2real.runs.progress import ProgressBoard

NAMES = ["runs[heavy]", "a[/b]", "[bold]x[/bold]", "[link=file:///x]y", ":smile:", "\\[x]"]
HOSTILE = "a\x1b]0;title\x07b\x1b[2Jc\x9bd\r\x08e\x7f\u202efg"
HARMLESS = "a]0;titleb[2Jcdefg"


def printed(*renderables: object, **options: object) -> str:
    file = io.StringIO()
    PlainConsole(file=file, width=200).print(*renderables, **options)
    return file.getvalue()


@pytest.mark.parametrize("name", [*NAMES, HOSTILE])
def test_a_name_is_printed_as_it_is_wherever_it_stands(name: str) -> None:
    shown = HARMLESS if name == HOSTILE else name
    table = Table(name, title=name, caption=Text(name))
    table.add_row(name)
    table.add_row(Text(name, style="red"))
    assert printed(table).count(shown) == 5
    assert printed(name, style="red", soft_wrap=True) == f"{shown}\n"
    assert printed(f"two\n\t{name}") == f"two\n        {shown}\n"


@pytest.mark.parametrize("name", [*NAMES, HOSTILE])
def test_bars_and_lines_of_progress_show_names_as_they_are(name: str) -> None:
    shown = HARMLESS if name == HOSTILE else name
    file = io.StringIO()
    console = PlainConsole(file=file, force_terminal=True, width=300, color_system=None, legacy_windows=False)
    with ProgressBoard(console, overall=2) as board:
        board.job(name)(1, 2, f"note {name}")
        board.count(f"line {name}")
    text = file.getvalue()
    assert f"line {shown}\n" in text
    assert f"note {shown}" in text
    assert text.count(shown) >= 3
    assert "title\x07" not in text


def test_the_consoles_own_styles_are_still_sequences() -> None:
    file = io.StringIO()
    PlainConsole(file=file, force_terminal=True, color_system="standard", width=80).print("x\x1b[31m", style="red")
    assert file.getvalue() == "\x1b[31mx[31m\x1b[0m\n"


def test_an_ascii_stream_prints_escapes_in_place_of_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="ascii") for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    print_anything()
    for stream, on_stderr in zip(streams, (False, True), strict=True):
        PlainConsole(stderr=on_stderr, width=80).print("Gr\xfcn \udcfc")
        stream.flush()
        assert stream.buffer.getvalue() == b"Gr\\xfcn \\udcfc\n"  # type: ignore[attr-defined]


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text: file systems of Linux")
def test_a_folder_whose_name_is_no_text_is_as_good_as_any_other(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"Gr\xfcn")  # Latin-1 under UTF-8, as UTF-8 under ASCII
    folder.mkdir()
    monitor = Monitor(folder / "tb")
    monitor._write({"x": 1.5}, 3)
    monitor.close()
    assert len(list((folder / "tb").iterdir())) == 1
    folder.rename(tmp_path / "plain")
    events = EventAccumulator(str(tmp_path / "plain" / "tb")).Reload().Scalars("x")
    assert [(event.step, event.value) for event in events] == [(3, 1.5)]
    write_atomic(tmp_path / "names.txt", f"{folder.name} \xfc")
    assert (tmp_path / "names.txt").read_bytes() == b"Gr\\udcfcn \xc3\xbc"
