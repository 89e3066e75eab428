"""pretrain and transfer, from Python."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from ..runs.pretraining import pretrain as pretrain_run
from ..runs.progress import ProgressBoard, Reporter
from ..transfer.transfer import transfer as transfer_run
from .configuring import ConfigLike, change, keyword_overrides, make_job
from .run import Run, RunLike, open_run

__all__ = ["pretrain", "transfer"]


def pretrain(
    config: ConfigLike,
    out: str | os.PathLike[str],
    *,
    set: Mapping[str, Any] | None = None,
    steps: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    resume: bool = False,
    threads: int = 0,
    trust: bool = False,
    progress: bool = False,
) -> Run:
    """Train a fresh agent on the source domain.

        source = sim2real.pretrain("hopper", out="runs/hopper", steps=204_800)
        print(source.summary["final_return"])

    Args:
        config: as `load_config` takes it.
        out: folder of the run; absent or empty, unless `resume`.
        set: dotted key -> value that replaces what the configuration has there.
        steps: world-steps to train, in place of `budget.source_steps`.
        seed: in place of the configuration's.
        device: in place of the configuration's.
        resume: continue the run in `out`, if there is one.
        threads: threads that step worlds; 0: all cores.
        trust: allow code that comes with a run, or that a run made elsewhere names.
        progress: show a progress bar on standard error.

    Raises:
        UserError: naming what is wrong and what would be valid; nothing has been written then.
    """
    given = {"steps": ("budget.source_steps", steps), "seed": ("seed", seed), "device": ("device", device)}
    loaded = change(config, keyword_overrides(set, **given), trust=trust)
    with _reporter(Path(out), progress) as report:
        run = pretrain_run(loaded, Path(out), resume=resume, num_threads=threads, report=report)
    return Run(run.path, trust=trust)


def transfer(
    source: RunLike | None,
    target: str,
    out: str | os.PathLike[str],
    *,
    method: str | None = None,
    config: ConfigLike | None = None,
    severity: float | str | None = None,
    steps: int | None = None,
    set: Mapping[str, Any] | None = None,
    seed: int | None = None,
    device: str | None = None,
    resume: bool = False,
    threads: int = 0,
    trust: bool = False,
    progress: bool = False,
) -> Run:
    """Carry a source agent over to a target domain and train it there.

        run = sim2real.transfer(source, "heavy", out="runs/hopper-heavy", method="fine_tune", severity=0.3)
        print(run.summary["initial_return"], run.summary["final_return"])

    Args:
        source: the run of the source agent, or its folder; None for a method that needs none, with a `config`.
        target: a target of the configuration, or the name of a shift.
        out: folder of the run; absent or empty, unless `resume`.
        method: a transfer method; None: frozen_encoder, with SAC averaged_policy.
        config: of the target run, as `load_config` takes it; None: the source run's own.
        severity: of the target's shift, a number or the name of a level.
        steps: world-steps to train, in place of the budget that the method spends: `budget.target_steps`, for an oracle
            `budget.source_steps`.
        set: dotted key -> value that replaces what the configuration has there.
        seed: in place of the configuration's.
        device: in place of the configuration's.
        resume: continue the run in `out`, if there is one.
        threads: threads that step worlds; 0: all cores.
        trust: allow code that comes with a run, or that a run made elsewhere names.
        progress: show a progress bar on standard error.

    Raises:
        UserError: naming what is wrong and what would be valid; nothing has been written then.
    """
    job = make_job(
        None if source is None else open_run(source, trust=trust),
        target,
        method=method,
        config=config,
        overrides=keyword_overrides(set, seed=("seed", seed), device=("device", device)),
        steps=None if steps is None else (f"steps={steps!r}", steps),
        severity=None if severity is None else (f"severity={severity!r}", severity),
        trust=trust,
    )
    with _reporter(Path(out), progress) as report:
        run = transfer_run(
            job, Path(out), resume=resume, num_threads=threads, report=report, show_plan=lambda rows: None
        )
    return Run(run.path, trust=trust)


@contextmanager
def _reporter(out: Path, progress: bool) -> Iterator[Reporter]:
    """Yield what a run reports its progress to."""
    if not progress:
        yield lambda done, total, text: None
        return
    with ProgressBoard(Console(stderr=True)) as board:
        yield board.job(out.name)
