"""Pretraining: a run on the source domain."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from agents import Learner, parts, pretrain_plan
from envs import Domain

from ..config.config import RunConfig
from ..config.seeding import derive_seed
from .building import build_agent, build_worlds, describe_origin
from .evaluation import EvaluationWorlds
from .monitor import Final, Monitor
from .progress import Reporter
from .run import RunDirectory
from .training import Schedule, Training

__all__ = ["pretrain"]


def pretrain(config: RunConfig, out: Path, *, resume: bool, num_threads: int, report: Reporter) -> RunDirectory:
    """Train a fresh agent on the configuration's source domain, into the folder `out`; continue it if `resume`.

    Raises:
        UserError: when `out` holds another run, or something in it is damaged.
    """
    identity = {"kind": "pretrain", "parent": None}
    domain = config.source_domain(config.make_task())
    settings, num_envs = config.agent.settings, config.agent.num_envs
    worlds = build_worlds(
        config, domain, settings, num_envs=num_envs, role="source", num_threads=num_threads, privileged=True
    )
    agent = build_agent(config, worlds, settings, role="source")
    agent.apply_plan(pretrain_plan())
    run = RunDirectory.create(out, config, identity, resume=resume)  # last: whatever is wrong has been found by now
    with run.working():
        if not run.complete:
            _carry_out(
                config, run, agent, domain, describe_origin(config, identity, worlds, agent), num_threads, report
            )
    worlds.close()
    return run


def _carry_out(
    config: RunConfig,
    run: RunDirectory,
    agent: Learner,
    domain: Domain,
    origin: dict[str, Any],
    num_threads: int,
    report: Reporter,
) -> None:
    """Train from wherever the run stands to its end."""
    bundle = run.latest_sound()
    run.rewind(bundle)
    monitor = Monitor(run.tb)
    evaluated = EvaluationWorlds(
        config.env_import,
        domain,
        episodes=config.budget.eval_episodes,
        seed=derive_seed(config.seed, "source", "evaluation"),
        num_threads=num_threads,
        task_kwargs=config.task,
    )

    def evaluate_source(step: int) -> dict[str, Any]:
        """Evaluate on the source domain, log it and return the point of the curve."""
        result = evaluated.evaluate(agent)
        monitor.evaluation("source", result, step)
        return result.point()

    training = Training(
        run,
        agent,
        Schedule(config.budget.source_steps, config.budget.source_evaluations, config.budget.checkpoints),
        monitor=monitor,
        evaluate=evaluate_source,
        meta=origin,
        report=report,
    )
    with closing(evaluated):
        if bundle is not None:
            training.restore(bundle)
        training.finish()
    _close(config, run, agent, monitor, training)


def _close(config: RunConfig, run: RunDirectory, agent: Learner, monitor: Monitor, training: Training) -> None:
    """Write the hyper-parameters and the final ledger."""
    curve = run.curve()
    final = Final(source_return=curve[-1]["return"])
    monitor.hyper_parameters("pretrain", config, config.agent, "", "", final, config.budget.source_steps)
    monitor.close()
    run.finish(
        {
            **training.counts(),
            "eval_steps": sum(point["eval_steps"] for point in curve),
            "source_return": curve[-1]["return"],
            "wall_seconds": training.wall_seconds,
            "digests": parts.digests(agent.policy),
        }
    )
