"""What the commands have in common: the console, how many threads, and what is said at Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

__all__ = ["Interrupted", "Threads", "console", "interruptible"]

console = Console()
Threads = Annotated[int, typer.Option("--threads", min=0, help="Threads that step worlds; 0: all cores.")]


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
