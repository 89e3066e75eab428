"""What the commands have in common: the consoles, how many threads, and what is said at Ctrl-C."""

from __future__ import annotations

import io
import logging
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

__all__ = [
    "Device",
    "Interrupted",
    "PlainConsole",
    "Threads",
    "Trust",
    "console",
    "error_console",
    "interruptible",
    "print_anything",
    "print_notices",
]

Device = Annotated[
    str | None, typer.Option("--device", help="Device of the networks, in place of the run's: auto, cpu, cuda or mps.")
]
Threads = Annotated[int, typer.Option("--threads", min=0, help="Threads that step worlds; 0: all cores.")]
Trust = Annotated[
    bool, typer.Option("--trust", help="Load code that comes with a run, or that a run made elsewhere names.")
]

_KEPT = "\n\t"
_BIDIRECTIONAL = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))  # they reorder what follows them
_CONTROLS: dict[int, None] = dict.fromkeys(
    [code for code in range(0x100) if unicodedata.category(chr(code)) == "Cc" and chr(code) not in _KEPT]
    + list(_BIDIRECTIONAL)
)


class PlainConsole(Console):
    """A console that prints text as it is: brackets are no markup, and control characters in it are dropped.

    Names of files, targets and runs come from anywhere; styles are given as styles, never inside the text.
    """

    def __init__(self, **options: Any) -> None:
        """Make a console; `options` are those of rich."""
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render anything without the control characters in its text; the console's own sequences stay."""
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else segment.text.translate(_CONTROLS)
            yield segment if text == segment.text else Segment(text, segment.style)


console = PlainConsole()
error_console = PlainConsole(stderr=True)


def print_anything() -> None:
    """Let both output streams print what their encoding lacks as an escape such as `\\xfc`, in place of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class _Notices(logging.Handler):
    """Prints what the suite has to say beside its results: one line on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        error_console.print(f"note: {record.getMessage()}", style="yellow", soft_wrap=True)


def print_notices() -> None:
    """Print the warnings that the suite logs."""
    logger = logging.getLogger("sim2real")
    if not any(isinstance(handler, _Notices) for handler in logger.handlers):
        logger.addHandler(_Notices(logging.WARNING))


class Interrupted(Exception):  # noqa: N818 - no error: the user wanted it
    """Ctrl-C, with what to do about it; a KeyboardInterrupt would not come through typer."""


@contextmanager
def interruptible(advice: str) -> Iterator[None]:
    """Turn Ctrl-C into an `Interrupted` with this advice.

    Raises:
        Interrupted: when the user pressed it.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(advice) from None
