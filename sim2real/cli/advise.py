"""The commands about advice: sim2real advise | advise-worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from .terminal import Device, Threads, Trust, console, interruptible

if TYPE_CHECKING:
    from ..advise import Worth

__all__ = ["advise", "advise_worth"]

Steps = Annotated[int, typer.Option("--steps", min=1, help="Target steps to spend, exactly; at least one episode.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of worlds, initial states and exploration.")]
Json = Annotated[Path | None, typer.Option("--json", help="File to write everything found to.")]


def advise(
    source: Annotated[Path, typer.Argument(help="Run directory of the source agent.")],
    target: Annotated[str, typer.Option("--target", help="Target domain: one of the configuration's, or a shift.")],
    steps: Steps = 5000,
    json: Json = None,
    seed: Seed = 0,
    threads: Threads = 0,
    device: Device = None,
    trust: Trust = False,
) -> None:
    """Spend a few target steps with the source policy and say what to freeze and which method to try first."""
    from ..advise import advice_tables
    from ..advise import advise as advise_on
    from ..files.files import require_folder, write_json
    from ..runs.run import RunDirectory

    require_folder(json, "--json")
    with interruptible("nothing was written"):
        advice = advise_on(
            RunDirectory.open(source, trust=trust),
            target,
            steps=steps,
            seed=seed,
            num_threads=threads,
            device=device,
        )
    for table in advice_tables(advice):
        console.print(table)
    reasons = [advice.reasons[name] for name in advice.first.pros] or ["nothing speaks for moving anything"]
    console.print(f"try first: {advice.first.method}: {'; '.join(reasons)}")
    if json is not None:
        write_json(json, advice.to_mapping())


def advise_worth(
    bench: Annotated[Path, typer.Argument(help="Folder of a benchmark with finished runs.")],
    steps: Steps = 5000,
    json: Json = None,
    seed: Seed = 0,
    threads: Threads = 0,
    trust: Trust = False,
) -> None:
    """Measure what advice is worth: rank correlation of its scores with what a benchmark's methods reached."""
    from ..advise import worth_of_advice
    from ..bench import Bench
    from ..files.files import require_folder, write_json
    from ..runs.progress import ProgressBoard

    require_folder(json, "--json")
    benchmark = Bench.open(bench)
    with interruptible("nothing was written"), ProgressBoard(console) as board:
        worth, scores, outcomes = worth_of_advice(
            benchmark, steps=steps, seed=seed, num_threads=threads, report=board.job("advise"), trust=trust
        )
    console.print(_worth_table(worth))
    if json is not None:
        cells = [
            {**cell._asdict(), "scores": dict(scores[cell]), "outcomes": dict(outcomes[cell])} for cell in outcomes
        ]
        write_json(json, {"steps": steps, "seed": seed, **worth.to_mapping(), "advised": cells})


def _worth_table(worth: Worth) -> Table:
    table = Table(title="rank correlation of advice and outcome", title_justify="left", title_style="bold")
    for name in ("environment", "target", "seed", "Spearman"):
        table.add_column(name, justify="right" if name in ("seed", "Spearman") else "left")
    for cell, value in worth.cells.items():
        table.add_row(cell.env, cell.target, f"{cell.seed}", f"{value:+.2f}")
    mean = worth.mean
    ends = f" [{mean.low:+.2f}, {mean.high:+.2f}]" if mean.known else ""
    table.add_section()
    table.add_row("mean [95 %]", "", "", f"{mean.point:+.2f}{ends}")
    table.add_row("fixed order of the other cells", "", "", f"{worth.fixed:+.2f}")
    table.add_row("of other environments alone", "", "", f"{worth.elsewhere:+.2f}")
    table.add_row("first advised is best", "", "", f"{worth.first_best:.0%}")
    table.add_row("regret", "", "", f"{worth.regret:.0%}")
    return table
