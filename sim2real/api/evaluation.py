"""evaluate: the return of a run's agent in a domain, with an interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..config.overrides import Override
from ..config.seeding import derive_seed
from ..runs.building import load_agent
from ..runs.evaluation import Evaluation
from ..runs.evaluation import evaluate as evaluate_agent
from ..runs.run import RunDirectory
from ..stats import Interval, interval, mean
from .configuring import keyword_overrides, target_overrides
from .run import RunLike, open_run

__all__ = ["EvaluationResult", "evaluate", "evaluate_targets"]


@dataclass(frozen=True)
class EvaluationResult:
    """What an evaluation of a run's agent found.

    Attributes:
        run: folder of the run.
        target: name of the target domain; None: the source domain.
        domain: the domain, as `envs.Domain.parse` reads it.
        seed: of worlds and initial states.
        episodes: every episode: `returns`, `lengths`, `falls`, `faults`, reward `terms`.
        interval: mean return with its 95 % interval over episodes.
    """

    run: Path
    target: str | None
    domain: Mapping[str, Any]
    seed: int
    episodes: Evaluation
    interval: Interval

    @property
    def mean(self) -> float:
        """Mean return."""
        return self.episodes.mean

    def to_mapping(self) -> dict[str, Any]:
        """Return everything as JSON values; the ends of the interval are None where there is one episode only."""
        found, known = self.episodes, self.interval.known
        return {
            "run": str(self.run),
            "target": self.target,
            "domain": dict(self.domain),
            "seed": self.seed,
            "return": found.mean,
            "return_low": self.interval.low if known else None,
            "return_high": self.interval.high if known else None,
            "return_sd": found.sd,
            "length": float(found.lengths.mean()),
            "episodes": len(found.returns),
            "falls": found.falls,
            "faults": found.faults,
            "steps": found.steps,
            "rewards": found.mean_terms,
            "returns": found.returns.tolist(),
            "lengths": found.lengths.tolist(),
        }


def evaluate(
    run: RunLike,
    target: str | None = None,
    *,
    severity: float | str | None = None,
    episodes: int = 100,
    seed: int = 0,
    set: Mapping[str, Any] | None = None,
    threads: int = 0,
    device: str | None = None,
    trust: bool = False,
) -> EvaluationResult:
    """Run the mean action of a run's agent for some episodes.

        result = sim2real.evaluate("runs/hopper-heavy", "heavy", severity=0.8)
        print(result.mean, result.interval.low, result.interval.high)

    Args:
        run: the run, or its folder; it must have finished.
        target: a target of its configuration, or the name of a shift; None: its source domain.
        severity: of the target's shift, a number or the name of a level.
        episodes: episodes, each in a world of its own.
        seed: of worlds and initial states.
        set: dotted key -> value that replaces what the run's configuration has there.
        threads: threads that step worlds; 0: all cores.
        device: of the networks; None: the configured one, or the CPU where that is not available.
        trust: allow code that comes with a run, or that a run made elsewhere names.

    Raises:
        UserError: naming what is wrong and what would be valid.
    """
    return evaluate_targets(
        open_run(run, trust=trust),
        [target],
        severity=None if severity is None else (f"severity={severity!r}", severity),
        overrides=keyword_overrides(set),
        episodes=episodes,
        seed=seed,
        num_threads=threads,
        device=device,
    )[0]


def evaluate_targets(
    run: RunDirectory,
    targets: Sequence[str | None],
    *,
    severity: tuple[str, float | str] | None,
    overrides: Sequence[Override],
    episodes: int,
    seed: int,
    num_threads: int,
    device: str | None,
) -> list[EvaluationResult]:
    """Evaluate in one domain after the other; `severity` is (as the user wrote it, value). UserError as `evaluate`."""
    run.require_finished("it is evaluated")
    place, value = severity or ("", None)
    named = [target for target in targets if target is not None]
    config = run.config([*overrides, *target_overrides(run.content(), named, value, place)])
    task = config.make_task()
    domains = [config.source_domain(task) if name is None else config.target_domain(name, task) for name in targets]
    agent, _ = load_agent(run, config, device)
    found = []
    for target, domain in zip(targets, domains, strict=True):
        result = evaluate_agent(
            agent,
            config.env_import,
            domain,
            episodes=episodes,
            seed=derive_seed(seed, "evaluate"),
            num_threads=num_threads,
            task_kwargs=config.task,
        )
        estimate = interval([result.returns], mean, np.random.default_rng(derive_seed(seed, "bootstrap")))
        found.append(EvaluationResult(run.path, target, domain.to_mapping(), seed, result, estimate))
    return found
