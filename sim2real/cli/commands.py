"""The command line: sim2real list | pretrain | transfer | advise | evaluate | check | calibrate | bench | report."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import __version__
from ..errors import USER_ERRORS, UserError, explain, explain_exit
from .advise import advise, advise_worth
from .evaluate import evaluate
from .listing import list_tables
from .options import Changes, Severity, Steps, overrides_of, severity_of
from .several_numbers import SeveralNumbers
from .shifts import calibrate, check
from .terminal import (
    Device,
    Interrupted,
    Threads,
    Trust,
    console,
    error_console,
    interruptible,
    print_anything,
    print_notices,
)

if TYPE_CHECKING:  # a command imports what it needs when it is called: `sim2real --help` waits for none of it
    from agents import PlanRow

    from ..config.space_map import SpaceMatch
    from ..report import ReportPaths
    from ..stats.records import BenchResults

__all__ = ["app", "main"]

app = typer.Typer(
    help="Pretrain in cheap randomized simulation, transfer frozen, fine-tune on a shifted target, report honestly.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Out = Annotated[Path, typer.Option("--out", help="Folder of the run; must be absent or empty.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue the run that --out holds, if it holds one.")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Replaces the configuration's seed.")]


@app.command()
def pretrain(
    config: Annotated[
        Path, typer.Argument(help="Configuration of the run: a YAML file, or the name of one that comes along: hopper.")
    ],
    out: Out,
    resume: Resume = False,
    changes: Changes = None,
    steps: Steps = None,
    seed: Seed = None,
    threads: Threads = 0,
    device: Device = None,
    trust: Trust = False,
) -> None:
    """Train a fresh agent on the source domain."""
    from ..config.config import load_config
    from ..runs.pretraining import pretrain as pretrain_run
    from ..runs.progress import ProgressBoard

    overrides = overrides_of(
        changes, steps=("budget.source_steps", steps), seed=("seed", seed), device=("device", device)
    )
    loaded = load_config(config, overrides, trust=trust)
    with interruptible("add --resume to continue"), ProgressBoard(console) as board:
        run = pretrain_run(loaded, out, resume=resume, num_threads=threads, report=board.job(out.name))
    ledger = run.ledger()
    found = f"return on the source domain {ledger['source_return']:.1f} after {ledger['steps']:,} steps"
    console.print(f"{out}: {found}", soft_wrap=True)
    _warn_of_faults(ledger)


@app.command()
def transfer(
    source: Annotated[Path, typer.Argument(help="Run directory of the source agent.")],
    target: Annotated[str, typer.Option("--target", help="Target domain: one of the configuration's, or a shift.")],
    out: Out,
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            help="Transfer method; see `sim2real list`. By default frozen_encoder, with SAC averaged_policy.",
        ),
    ] = None,
    severity: Severity = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="Configuration of the target run; the source run's own by default."),
    ] = None,
    resume: Resume = False,
    changes: Changes = None,
    steps: Steps = None,
    seed: Seed = None,
    threads: Threads = 0,
    device: Device = None,
    trust: Trust = False,
) -> None:
    """Carry a source agent over to a target domain and fine-tune it there."""
    from ..api.configuring import make_job
    from ..runs.progress import ProgressBoard
    from ..runs.run import RunDirectory
    from ..transfer.transfer import transfer as transfer_run
    from . import show

    job = make_job(
        RunDirectory.open(source, trust=trust),
        target,
        method=method,
        config=config,
        overrides=overrides_of(changes, seed=("seed", seed), device=("device", device)),
        steps=None if steps is None else (f"--steps {steps}", steps),
        severity=severity_of(severity),
        trust=trust,
    )

    def show_plan(rows: list[PlanRow]) -> None:
        console.print(show.plan_table(job.method, rows))

    def show_spaces(match: SpaceMatch) -> None:
        console.print(match.describe())

    with interruptible("add --resume to continue"), ProgressBoard(console) as board:
        result = transfer_run(
            job,
            out,
            resume=resume,
            num_threads=threads,
            report=board.job(out.name),
            show_plan=show_plan,
            show_spaces=show_spaces,
        )
    curve = result.curve()
    console.print(
        f"{out}: return on {target} {curve[0]['return']:.1f} at step 0, {curve[-1]['return']:.1f} "
        f"after {curve[-1]['step']:,} target steps",
        soft_wrap=True,
    )
    _warn_of_faults(result.ledger())


def _warn_of_faults(ledger: Mapping[str, Any]) -> None:
    """Say on the console where a share of training's episodes diverged that should be looked into."""
    if warning := ledger.get("warning"):
        console.print(f"warning: {warning}", style="yellow", markup=False, highlight=False, soft_wrap=True)


app.command("list")(list_tables)
app.command()(evaluate)
app.command()(advise)
app.command()(advise_worth)
app.command()(check)
app.command(cls=SeveralNumbers)(calibrate)


@app.command()
def bench(
    config: Annotated[Path, typer.Argument(help="The grid: a YAML file, or the name of one that comes along: smoke.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the benchmark; continued if it holds this one.")],
    processes: Annotated[int, typer.Option("--processes", min=0, help="Jobs at once; 0: one per core.")] = 0,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Run this environment's jobs only; may be given several times.")
    ] = None,
    jobs: Annotated[
        str | None, typer.Option("--jobs", metavar="I/N", help="Run part I of N of the jobs only, e.g. 2/4.")
    ] = None,
    changes: Changes = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Target steps of every run, in place of the budget's.")
    ] = None,
    device: Device = None,
    trust: Trust = False,
) -> None:
    """Run a grid of environment x target x method x seed; call it again to go on, or with a larger grid.

    Several processes, on several machines, can share --out: every job is run by one of them. Machines without a folder
    in common share a grid with --jobs or --only; `report` puts what they found together.
    """
    from ..bench import Bench, Part, find_bench_config, load_bench_config

    part = Part.parse(jobs) if jobs is not None else None
    path = find_bench_config(config)
    of_runs = overrides_of(None, steps=("budget.target_steps", steps), device=("device", device))
    grid = load_bench_config(path, overrides_of(changes), of_runs)
    benchmark = Bench.begin(out, grid, path.parent, trust=trust)
    benchmark.require_environments(only or ())
    failures = 0
    try:
        with interruptible("the same command continues"):
            failures = benchmark.run(console, processes, only or (), part)
    finally:
        benchmark = Bench.open(out)  # another process may have made it grow
        _show(benchmark.report(), benchmark.results())
    if failures:
        raise UserError(
            f"{failures} job{'s' * (failures > 1)} failed, see the report; do what the messages ask for, then the same "
            "command tries them again"
        )


@app.command()
def report(
    paths: Annotated[
        list[Path], typer.Argument(help="Folders of a benchmark, or their results.json; or run directories.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the report; that of a single benchmark or run if left out.")
    ] = None,
) -> None:
    """Write the report of a benchmark, in one place or in several, or of single transfers beside their source."""
    from ..api.results import read_any
    from ..bench import is_run
    from ..report import write_report
    from .show import runs_table

    results, folder = read_any(paths, out, "--out")
    if all(map(is_run, paths)):
        console.print(runs_table(results))
        console.print(f"report: {write_report(results, folder).html}", soft_wrap=True)
    else:
        _show(write_report(results, folder), results)


def _show(paths: ReportPaths, results: BenchResults) -> None:
    from .show import summary_table

    console.print(summary_table(results))
    console.print(f"report: {paths.html}", soft_wrap=True)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    if version:
        console.print(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; errors a user can correct are one message and exit code 2."""
    print_anything()
    print_notices()
    from agents import allocating

    try:
        with allocating("the command"):
            app()
    except RecursionError:
        error_console.print("error: a value is nested too deeply", style="red", soft_wrap=True)
        sys.exit(2)
    except USER_ERRORS as error:
        error_console.print(f"error: {explain(error)}", style="red", soft_wrap=True)
        sys.exit(2)
    except SystemExit as end:
        if (reason := explain_exit(end)) is None:
            raise
        error_console.print(f"error: {reason}", style="red", soft_wrap=True)
        sys.exit(2)
    except Interrupted as interruption:
        error_console.print(f"interrupted; {interruption}", style="yellow")
        sys.exit(130)
