"""The command sim2real evaluate."""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import Changes, Severity, overrides_of, severity_of
from .terminal import Device, Threads, Trust, console

__all__ = ["evaluate"]


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run directory of the agent.")],
    target: Annotated[
        list[str] | None,
        typer.Option("--target", help="Target domain, may be given several times; the source domain if left out."),
    ] = None,
    severity: Severity = None,
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="Episodes to run in each domain.")] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of worlds and initial states.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print everything found as JSON, and nothing else.")] = False,
    changes: Changes = None,
    threads: Threads = 0,
    device: Device = None,
    trust: Trust = False,
) -> None:
    """Run an agent's mean action and show its return with a 95 % interval over episodes."""
    from ..api.evaluation import evaluate_targets
    from ..runs.run import RunDirectory
    from .show import evaluation_table

    results = evaluate_targets(
        RunDirectory.open(run, trust=trust),
        target or [None],
        severity=severity_of(severity),
        overrides=overrides_of(changes),
        episodes=episodes,
        seed=seed,
        num_threads=threads,
        device=device,
    )
    if json:
        sys.stdout.write(json_text.dumps([result.to_mapping() for result in results], indent=1, allow_nan=False) + "\n")
    else:
        console.print(evaluation_table(str(run), results))
