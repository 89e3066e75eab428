"""The command line: sim2real list | pretrain | transfer | advise | evaluate | check | calibrate | bench | report."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from agents import AGENTS, PlanRow, allocating
from envs import ENVS, PARAMETERS, SHIFTS, unknown_name

from .. import __version__
from ..bench import Bench, Part, load_bench_config, merge_results, read_results
from ..config.config import load_config
from ..config.seeding import derive_seed
from ..config.space_map import SpaceMatch
from ..errors import USER_ERRORS, UserError, explain, explain_exit
from ..methods import DEFAULT_METHODS, METHODS
from ..report import FIGURES, ReportPaths, write_report
from ..runs.building import load_agent
from ..runs.evaluation import evaluate as evaluate_agent
from ..runs.pretraining import pretrain as pretrain_run
from ..runs.progress import ProgressBoard
from ..runs.run import RunDirectory
from ..stats import interval, mean
from ..stats.records import BenchResults
from ..transfer.transfer import Transfer
from ..transfer.transfer import transfer as transfer_run
from . import show
from .advise import advise, advise_worth
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


@app.command("list")
def list_tables(
    table: Annotated[str | None, typer.Argument(help="One of the tables, e.g. shifts; all if left out.")] = None,
) -> None:
    """Show environments, parameters, shifts, agents, methods and figures, each with one line."""
    tables = {
        "environments": {name: row.summary for name, row in ENVS.items()},
        "parameters": {name: f"{row.description} ({row.unit})" for name, row in PARAMETERS.items()},
        "shifts": {name: row.summary for name, row in SHIFTS.items()},
        "agents": {name: row.description for name, row in AGENTS.items()},
        "methods": {name: row.summary for name, row in METHODS.items()},
        "figures": {name: row.title for name, row in FIGURES.items()},
    }
    if table is not None and table not in tables:
        raise unknown_name("table", table, tables)
    for title, rows in tables.items():
        if table in (None, title):
            console.print(show.two_columns(title, rows))


@app.command()
def pretrain(
    config: Annotated[Path, typer.Argument(help="Configuration of the run, e.g. configs/hopper.yaml.")],
    out: Out,
    resume: Resume = False,
    seed: Seed = None,
    threads: Threads = 0,
    device: Device = None,
    trust: Trust = False,
) -> None:
    """Train a fresh agent on the source domain."""
    loaded = load_config(config, trust=trust, **_given(seed=seed, device=device))
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
    config: Annotated[
        Path | None,
        typer.Option("--config", help="Configuration of the target run; the source run's own by default."),
    ] = None,
    resume: Resume = False,
    seed: Seed = None,
    threads: Threads = 0,
    device: Device = None,
    trust: Trust = False,
) -> None:
    """Carry a source agent over to a target domain and fine-tune it there."""
    run = RunDirectory.open(source, trust=trust)
    if config is None:
        run.content()  # raises where it is no longer what the run was made with
    loaded = load_config(config or run.path / "config.resolved.yaml", trust=trust, **_given(seed=seed, device=device))
    job = Transfer(loaded, run, target, method or DEFAULT_METHODS[loaded.agent.algorithm])

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


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="Run directory of the agent.")],
    target: Annotated[
        str | None, typer.Option("--target", help="Target domain; the source domain if left out.")
    ] = None,
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="Episodes to run.")] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of worlds and initial states.")] = 0,
    threads: Threads = 0,
    device: Device = None,
    trust: Trust = False,
) -> None:
    """Run an agent's mean action and show its return with a 95 % interval over episodes."""
    directory = RunDirectory.open(run, trust=trust)
    directory.require_finished("it is evaluated")
    config = directory.config()
    task = config.make_task()
    domain = config.source_domain(task) if target is None else config.target_domain(target, task)
    agent, _ = load_agent(directory, config, device)
    result = evaluate_agent(
        agent,
        config.env_import,
        domain,
        episodes=episodes,
        seed=derive_seed(seed, "evaluate"),
        num_threads=threads,
        task_kwargs=config.task,
    )
    estimate = interval([result.returns], mean, np.random.default_rng(derive_seed(seed, "bootstrap")))
    console.print(show.evaluation_table(str(run), target or "source", result, estimate))


app.command()(advise)
app.command()(advise_worth)
app.command()(check)
app.command(cls=SeveralNumbers)(calibrate)


@app.command()
def bench(
    config: Annotated[Path, typer.Argument(help="The grid, e.g. configs/bench/demo.yaml.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the benchmark; continued if it holds this one.")],
    processes: Annotated[int, typer.Option("--processes", min=0, help="Jobs at once; 0: one per core.")] = 0,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Run this environment's jobs only; may be given several times.")
    ] = None,
    jobs: Annotated[
        str | None, typer.Option("--jobs", metavar="I/N", help="Run part I of N of the jobs only, e.g. 2/4.")
    ] = None,
    trust: Trust = False,
) -> None:
    """Run a grid of environment x target x method x seed; call it again to go on, or with a larger grid.

    Several processes, on several machines, can share --out: every job is run by one of them. Machines without a folder
    in common share a grid with --jobs or --only; `report` puts what they found together.
    """
    part = Part.parse(jobs) if jobs is not None else None
    benchmark = Bench.begin(out, load_bench_config(config), config.parent, trust=trust)
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
    paths: Annotated[list[Path], typer.Argument(help="Folders of a benchmark, or their results.json.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the report; that of a single benchmark if left out.")
    ] = None,
) -> None:
    """Write a benchmark's report from what has been measured so far, in one place or in several."""
    if out is None and (len(paths) > 1 or paths[0].is_file()):
        raise UserError("--out: say where the report of several places, or of a results.json, is to be")
    results = merge_results({str(path): read_results(path) for path in paths})
    place = paths[0] / "report" if out is None else out.resolve()  # a link that the user names is the user's own
    _show(write_report(results, place), results)


def _given(**options: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def _show(paths: ReportPaths, results: BenchResults) -> None:
    console.print(show.summary_table(results))
    console.print(f"report: {paths.html}", soft_wrap=True)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    if version:
        console.print(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; errors a user can mend are one message and exit code 2."""
    print_anything()
    print_notices()
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
