"""Progress of jobs: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

__all__ = ["JobProgress", "ProgressBoard", "Reporter"]

_LINE_EVERY = 10.0  # s between plain lines of one job


class Reporter(Protocol):
    """What a job reports while it runs."""

    def __call__(self, done: int, total: int, text: str) -> None:
        """Report that `done` of `total` steps are done, and what was seen last."""
        ...


class ProgressBoard:
    """One bar per job that runs, and one over all jobs; a context manager."""

    def __init__(self, console: Console, overall: int | None = None) -> None:
        """Show jobs on `console`; `overall` is their number, None for a single job without an overall bar."""
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._total, self._done = overall, 0
        self._overall: TaskID | None = None

    def __enter__(self) -> ProgressBoard:
        self._bars.start()
        if self._total is not None:
            self._overall = self._bars.add_task("all jobs", total=self._total, note="")
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def job(self, name: str) -> JobProgress:
        """Show a new job."""
        return JobProgress(name, self._console, self._bars)

    def count(self, text: str, done: int = 1) -> None:
        """Advance the overall bar by `done` jobs and say what became of them."""
        self._done += done
        if self._overall is not None:
            self._bars.advance(self._overall, done)
        place = f"[{self._done}/{self._total}] " if self._total is not None else ""
        self._console.print(Text(f"{place}{text}"), soft_wrap=True)


class JobProgress:
    """The bar, or the lines, of one job; call it as a Reporter."""

    def __init__(self, name: str, console: Console, bars: Progress) -> None:
        """Show a job called `name`."""
        self._name, self._console, self._bars = name, console, bars
        self._task: TaskID | None = None
        self._last = time.monotonic()

    def __call__(self, done: int, total: int, text: str) -> None:
        """Move the bar, or print a line if the last one is a while ago."""
        if self._console.is_terminal:
            if self._task is None:
                self._task = self._bars.add_task(self._name, total=total, note="")
            self._bars.update(self._task, completed=done, total=total, note=text)
        elif time.monotonic() - self._last >= _LINE_EVERY:
            self._last = time.monotonic()
            self._console.print(
                f"{self._name}: {done:,}/{total:,} steps  {text}", markup=False, emoji=False, highlight=False
            )

    def close(self) -> None:
        """Take the bar away."""
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None
