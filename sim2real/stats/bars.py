"""What the default method is held to: four bars, fixed before any run, each a pure function of the cells.

A bar is met, missed, or not judged while the runs that would decide it are absent; the cells behind it travel along,
those that it does not judge among them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..files.printable import plural
from .bar import Bar, Evidence, counted, first_reason, in_every, judged, unjudged
from .cells import Cell
from .curves import ORACLE
from .estimation.intervals import Interval, contrast, iqm
from .estimation.metrics import FloatArray
from .frame import generator_for
from .groups import Group, groups_by_env
from .method_table import runs_by_target
from .verdicts import HARM, MIN_SEEDS

__all__ = ["BARS", "compute_bars"]

NO_WARM_UP = "fine_tune"
"""The control whose dip shows what happens with no warm-up, nothing frozen, and the policy at the full rate."""
ACTOR_ONLY = "actor_only"
"""The control that carries the policy over and leaves the critic behind: a fresh one, and no warm-up."""

_REFERENCE = "frozen_encoder"
_DIFFERENCES = {
    NO_WARM_UP: f"{NO_WARM_UP} differs from {_REFERENCE} in three things, no warm-up, nothing frozen and the policy "
    "head's full rate: its dip is not the missing warm-up's alone",
    ACTOR_ONLY: f"{ACTOR_ONLY} differs from {_REFERENCE} in two things, a fresh critic and no warm-up: the ratio is "
    "not the warm-up's alone",
}

ENOUGH_CELLS = 0.6
FEW_STEPS = 0.1
"""Share of the oracle's target steps within which a cell has to get to the oracle's level."""
DEEP = 0.1
"""Share of the return before training: above it a control shows a dip, and the default may not."""
FASTER = 1.3
"""Actor and critic, carried over with a warm-up, against the actor alone. arXiv 2602.23804 reports a sample efficiency
better by 30.9 %; the bar asks for 1/1.3 of the steps, 23 % fewer."""


def compute_bars(groups: Sequence[Group], method: str) -> tuple[Bar, ...]:
    """Hold `method` to all bars; none without a cell of it."""
    if not any(method in group.cells for group in groups):
        return ()
    return tuple(bar(groups, method) for bar in BARS.values())


def never_beaten(groups: Sequence[Group], method: str) -> Bar:
    """Scratch is better with a probability above 0.95 in no cell. Figure: the largest P(scratch better)."""
    evidence = []
    for group in groups:
        verdict = cell.verdict if (cell := group.cells.get(method)) else None
        if verdict is None or verdict.num_runs < MIN_SEEDS or not math.isfinite(verdict.scratch_better):
            reason = verdict.reason if verdict else f"no run of {method}"
            evidence.append(unjudged(group, reason))
            continue
        figures = {"P(scratch better)": verdict.scratch_better}
        if verdict.scratch_better <= HARM and group.frame.nothing_learnt:
            evidence.append(unjudged(group, group.frame.nothing_learnt, figures))
        else:
            evidence.append(judged(group, verdict.scratch_better <= HARM, figures))
    known = [e.figures["P(scratch better)"] for e in evidence if e.met is not None]
    return Bar(
        "never_beaten",
        f"Beaten by scratch in no cell with P above {HARM}",
        in_every(evidence),
        max(known, default=math.nan),
        HARM,
        "probability",
        f"largest P(scratch better), {counted(evidence)}",
        tuple(evidence),
    )


def near_oracle(groups: Sequence[Group], method: str) -> Bar:
    """Gets to 95 % of the oracle in few of its steps in most cells: the median run does, within a tenth of them.

    95 % is of the way from the floor; the steps are those the oracle spent, not those it needed. A median beyond the
    method's own budget is not reached. Getting there is the first evaluation at that level, which a noisy one may be by
    chance; so how many runs also end there, by the last fifth of their budget, stands beside it. Figure: the share of
    cells that are.
    """
    evidence, ending = [], 0
    for group in groups:
        cell = group.cells.get(method)
        reason = group.no_oracle or _too_few(group, method, ORACLE) or group.frame.nothing_learnt
        if reason or cell is None or cell.oracle_times is None:
            evidence.append(unjudged(group, reason or f"no finished run of {method}"))
            continue
        median = cell.oracle_times.median.point
        ends = cell.per_run["asymptotic_return"]
        figures = {
            "share of the oracle's steps": median / group.frame.oracle_steps,
            "runs there": _arrived(cell),
            "runs that end there": float(np.mean(ends >= group.frame.oracle_level)),
        }
        ending += bool(np.median(ends) >= group.frame.oracle_level)
        evidence.append(judged(group, median <= FEW_STEPS * group.frame.oracle_steps, figures))
    total, reached = len(evidence), sum(e.met is True for e in evidence)
    open_ = sum(e.met is None for e in evidence)
    ending_too = f", in {ending} the median run also ends there" if total > open_ else ""
    met: bool | None = None
    if reached >= ENOUGH_CELLS * total:
        met = True
    elif reached + open_ < ENOUGH_CELLS * total:
        met = False
    return Bar(
        "near_oracle",
        f"95 % of the oracle within {100 * FEW_STEPS:.0f} % of its steps in {100 * ENOUGH_CELLS:.0f} % of cells",
        met,
        reached / (total - open_) if total > open_ else math.nan,
        ENOUGH_CELLS,
        "share",
        f"{plural(reached, 'cell')}{ending_too}, {counted(evidence)}",
        tuple(evidence),
    )


def small_dip(groups: Sequence[Group], method: str) -> Bar:
    """Dips by a tenth of zero-shot at most where the control dips by more. Figure: the deepest cell.

    The control differs from frozen_encoder in three things, no warm-up, nothing frozen and the policy head's full rate:
    its dip is not the missing warm-up's alone. Cells in which it does not dip are not judged, but the method's dip
    there stands in the evidence; cells without enough runs leave the bar open.
    """
    evidence, open_ = [], 0
    for group in groups:
        own, control = (_dip(group.cells.get(name)) for name in (method, NO_WARM_UP))
        figures = {name: dip for name, dip in ((method, own), (NO_WARM_UP, control)) if math.isfinite(dip)}
        if reason := _too_few(group, method, NO_WARM_UP):
            open_ += 1
            evidence.append(unjudged(group, reason, figures))
        elif reason := _few_to_lose(group, method, NO_WARM_UP):
            evidence.append(unjudged(group, reason, figures))
        elif control <= DEEP:
            evidence.append(unjudged(group, f"{NO_WARM_UP} dips by no more than {100 * DEEP:.0f} %", figures))
        else:
            evidence.append(judged(group, own <= DEEP, figures))
    known = [e for e in evidence if e.met is not None]
    return Bar(
        "small_dip",
        f"Dips by at most {100 * DEEP:.0f} % of zero-shot wherever {NO_WARM_UP} (no warm-up, nothing frozen, full "
        "rate) dips by more",
        in_every(known) if not open_ or in_every(known) is False else None,
        max((e.figures[method] for e in known), default=math.nan),
        DEEP,
        "share",
        f"deepest dip, {counted(evidence)}; {_difference(NO_WARM_UP, method)}",
        tuple(evidence),
    )


def warm_up_pays(groups: Sequence[Group], method: str) -> Bar:
    """A critic carried over and warmed up needs at most 1/1.3 of actor-only transfer's steps to the oracle's level.

    The control differs from frozen_encoder in two things, a fresh critic and no warm-up: the ratio is not the
    warm-up's alone. That level, because a policy that is carried over mostly starts above the threshold: both would
    need no step, and a dip of the one would not show. Steps are shares of the budget, runs that do not arrive count as
    all of it, which draws the ratio towards 1. Figure: the ratio of interquartile means over all runs of the cells that
    have both; its interval draws the seeds of the two apart. Judged once every cell has enough runs.
    """
    evidence, timed = [], []
    for group in groups:
        cells = [group.cells.get(name) for name in (method, ACTOR_ONLY)]
        times = [cell.oracle_times for cell in cells if cell is not None and cell.oracle_times is not None]
        reason = group.no_oracle or _too_few(group, method, ACTOR_ONLY, ORACLE) or group.frame.nothing_learnt
        if reason or len(times) < 2:
            evidence.append(unjudged(group, reason))
            continue
        timed.append(group)
        steps = [found.restricted_iqm.point for found in times]
        ratio = steps[0] / steps[1] if steps[1] > 0.0 else math.nan
        figures = {method: steps[0], ACTOR_ONLY: steps[1], "ratio": ratio}
        reason = "" if math.isfinite(ratio) else f"{ACTOR_ONLY} needs no step"
        evidence.append(Evidence(group.frame.env, group.frame.target, None, figures, reason))
    arrivals = any(_arrived(group.cells[name]) > 0.0 for group in timed for name in (method, ACTOR_ONLY))
    found = _ratio(timed, method) if arrivals else None
    known = found is not None and math.isfinite(found.point)
    return Bar(
        "warm_up_pays",
        f"At most 1/{FASTER} of the steps of {ACTOR_ONLY} (fresh critic, no warm-up) to 95 % of the oracle "
        "(IQM over runs)",
        found.point <= 1.0 / FASTER if found is not None and known and len(timed) == len(groups) else None,
        found.point if found else math.nan,
        1.0 / FASTER,
        "ratio",
        f"ratio of steps over {len(timed)} of {plural(len(groups), 'cell')}; {_difference(ACTOR_ONLY, method)}"
        if known
        else first_reason(evidence)
        if arrivals or not timed
        else f"no run of {method} or {ACTOR_ONLY} gets there: nothing to compare",
        tuple(evidence),
        *((found.low, found.high) if found else ()),
    )


BARS: Mapping[str, Callable[[Sequence[Group], str], Bar]] = {
    "never_beaten": never_beaten,
    "near_oracle": near_oracle,
    "small_dip": small_dip,
    "warm_up_pays": warm_up_pays,
}
"""Name -> bar, in the order of the table."""


def _too_few(group: Group, *methods: str) -> str:
    """Say which of `methods`, the oracle among them, has fewer finished seeds than a verdict needs; empty if none."""
    for name in methods:
        runs = group.oracle if name == ORACLE else group.cells.get(name)
        num_runs = runs.num_runs if runs else 0
        if not runs:
            return f"the grid has no {name}"
        if num_runs < MIN_SEEDS:
            return f"{name} has {plural(num_runs, 'finished seed')} here, {MIN_SEEDS} are needed"
    return ""


def _few_to_lose(group: Group, *methods: str) -> str:
    """Say which of `methods` has fewer runs that can dip, as they start ahead, than a verdict needs; empty if none."""
    for name in methods:
        found = cell.quantities.get("dip_depth") if (cell := group.cells.get(name)) else None
        num_runs = found.num_runs if found else 0
        if num_runs < MIN_SEEDS:
            return f"{plural(num_runs, 'run')} of {name} with something to lose, {MIN_SEEDS} are needed"
    return ""


def _arrived(cell: Cell) -> float:
    """Share of a cell's runs that got to the oracle's level within the budget."""
    times = cell.oracle_times
    return 1.0 - times.num_censored / times.num_runs if times else math.nan


def _dip(cell: Cell | None) -> float:
    found = cell.quantities.get("dip_depth") if cell else None
    return found.point if found else math.nan


def _ratio(groups: Sequence[Group], method: str) -> Interval:
    """Steps of `method` over those of the control, interquartile means over all runs, NaN if the control needs none."""
    by_env = groups_by_env(groups)
    arms = [[runs_by_target(own, name, "steps_to_oracle") for own in by_env.values()] for name in (method, ACTOR_ONLY)]

    def ratio(treated: FloatArray, control: FloatArray) -> FloatArray:
        own, other = iqm(treated), iqm(control)
        found: FloatArray = np.divide(own, other, out=np.full(np.shape(own), np.nan), where=other > 0.0)
        return found

    return contrast(arms[0], arms[1], ratio, generator_for("warm_up_pays", method))


def _difference(control: str, method: str) -> str:
    """Return in how many things `control` differs from `method`, so that nobody takes it for one."""
    besides = "" if method == _REFERENCE else f"; {method} differs from {_REFERENCE} besides"
    return _DIFFERENCES[control] + besides
