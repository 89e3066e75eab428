"""The commands about shifts: sim2real check | calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .terminal import Device, Threads, Trust, console, interruptible

__all__ = ["calibrate", "check"]


def check(
    env: Annotated[str, typer.Argument(help="Environment, or a configuration, whose targets then count as shifts.")],
    shift: Annotated[list[str] | None, typer.Option("--shift", help="Shift to check; may be repeated.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Check every shift.")] = False,
    severity: Annotated[str | None, typer.Option("--severity", help="Number or level; left out: the default.")] = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="Run directory of an agent to evaluate too.")] = None,
    episodes: Annotated[int, typer.Option("--episodes", min=2, help="Episodes of each evaluation.")] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")] = 0,
    json: Annotated[Path | None, typer.Option("--json", help="File to write everything found to.")] = None,
    threads: Threads = 0,
    device: Device = None,
    trust: Trust = False,
) -> None:
    """Find out whether shifts do what they say, make a difference, and leave the task solvable."""
    from ..calibrate.checking import Checks
    from ..files.files import require_folder, write_json
    from ..runs.progress import ProgressBoard
    from .check_table import check_table

    require_folder(json, "--json")
    checks = Checks(
        env,
        shifts=shift or [],
        every=every,
        severity=severity,
        policy=policy,
        episodes=episodes,
        seed=seed,
        num_threads=threads,
        device=device,
        trust=trust,
    )
    with interruptible("nothing was written"), ProgressBoard(console) as board:
        rows = checks.run(board.job("check"))
    console.print(check_table(checks.env, rows))
    for row in rows:
        if not row.check.ok:
            console.print(f"{row.check.shift}: {row.check.message}")
    if json is not None:
        write_json(json, {"env": checks.env, "seed": seed, "shifts": [row.to_mapping() for row in rows]})
    if not all(row.check.ok for row in rows):
        raise typer.Exit(1)


def calibrate(
    env: Annotated[str, typer.Argument(help="Environment; the one the policy was trained in.")],
    shift: Annotated[str, typer.Option("--shift", help="Shift to calibrate; see `sim2real list`.")],
    policy: Annotated[Path, typer.Option("--policy", help="Run directory of the agent.")],
    drops: Annotated[list[float], typer.Option("--drops", help="Shares of the return to lose: 0.15 0.4 0.7.")],
    out: Annotated[Path, typer.Option("--out", help="File that configurations can name; must be absent.")],
    episodes: Annotated[int, typer.Option("--episodes", min=10, help="Episodes at every severity.")] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of worlds and initial states.")] = 0,
    threads: Threads = 0,
    device: Device = None,
    trust: Trust = False,
) -> None:
    """Find the severities of a shift at which a policy loses given shares of its return."""
    import numpy as np

    from ..calibrate.calibration import calibrate as calibrate_shift
    from ..calibrate.calibration import check_drops
    from ..calibrate.policy_run import PolicyRun, require_absent
    from ..config.seeding import derive_seed
    from . import show

    wanted = check_drops(drops)
    require_absent(out)
    run = PolicyRun.open(policy, env, shift, num_threads=threads, device=device, trust=trust)

    def print_point(severity: float, mean_return: float) -> None:
        console.print(f"severity {severity:<10.4g} return {mean_return:.1f}")

    rng = np.random.default_rng(derive_seed(seed, "bootstrap"))
    with interruptible("nothing was written"):
        searched = run.sides(episodes, derive_seed(seed, "calibrate", "search"), print_point)
        check_seed = derive_seed(seed, "calibrate", "check")
        result = calibrate_shift(shift, wanted, searched, lambda: run.sides(episodes, check_seed), rng)
    run.save(out, result, episodes=episodes, seed=seed)
    console.print(show.calibration_table(f"{shift} on {env}", result))
    if not result.found:
        raise typer.Exit(1)
