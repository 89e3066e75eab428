"""Transfer: a source agent carried over to a target domain by a method, as a run of its own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from agents import Bundle, Learner, PlanRow, RunningNormalizer, TrainingState, VectorAdapter, parts
from envs import Domain, DomainVectorEnv, unknown_name

from .building import build_agent, build_worlds, describe_origin, transfer_settings
from .config import RunConfig
from .errors import UserError
from .evaluation import Evaluation, evaluate
from .methods import METHODS, Method, Target
from .monitor import Monitor
from .progress import Reporter
from .run import RunDirectory
from .seeding import derive_seed
from .space_map import SpaceMatch, match_spaces
from .teachers import require_teacher
from .training import Schedule, Training, learner_counts

__all__ = ["Transfer", "transfer"]


@dataclass(frozen=True)
class Transfer:
    """What is carried where, and how.

    Attributes:
        config: the configuration; its seed is this run's.
        source: the run of the source agent; None for a method that needs none.
        target: name of the target domain.
        method: name of the method.
    """

    config: RunConfig
    source: RunDirectory | None
    target: str
    method: str

    def row(self) -> Method:
        """Return the method's row in METHODS.

        Raises:
            EnvsError: for a name that is not there.
            UserError: when the method needs a source and there is none, or another learner than the configured one.
        """
        if self.method not in METHODS:
            raise unknown_name("method", self.method, METHODS)
        method = METHODS[self.method]
        method.require_algorithm(self.method, self.config.agent.algorithm)
        if method.needs_source and self.source is None:
            raise UserError(f"method {self.method}: needs a source run")
        return method


def transfer(
    job: Transfer,
    out: Path,
    *,
    resume: bool,
    num_threads: int,
    report: Reporter,
    show_plan: Callable[[list[PlanRow]], None],
    show_spaces: Callable[[SpaceMatch], None] | None = None,
) -> RunDirectory:
    """Carry out `job` into the folder `out`; continue it if `resume`.

    Args:
        job: what is carried where.
        out: the run's folder.
        resume: whether a run that is there is to be continued.
        num_threads: threads that step worlds; 0 all cores.
        report: told of progress.
        show_plan: shown the plan's table before anything trains.
        show_spaces: shown before that what is carried over between spaces that differ, if they do.

    Raises:
        UserError: when names, spaces or folders do not fit, or something on disk is damaged.
    """
    config, method = job.config, job.row()
    domain = config.target_domain(job.target, config.make_task())
    source = _source_agent(job.source) if job.source is not None and method.needs_source else None
    if method.needs_teacher and job.source is not None:
        require_teacher(job.source, config, job.method)
    worlds = build_worlds(config, domain, num_envs=config.transfer.num_envs, role="target", num_threads=num_threads)
    match = None
    if source is not None and job.source is not None:
        match = match_spaces(source, worlds, config.transfer.space_map, str(job.source.path))
    identity = {
        "kind": "transfer",
        "target": job.target,
        "target_domain": domain.to_mapping(),
        "method": job.method,
        "parent": source.digest if source is not None else None,
    }
    agent = build_agent(config, worlds, transfer_settings(config, job.method), role="target")
    if source is not None and match is not None:
        source = replace(source, weights=match.carry(source.weights, agent.policy))
        identity["space_map"] = match.to_json()
    steps = _steps(config, method)
    plan = method.plan(source, Target(config.env, job.target, domain, steps, config.transfer.num_envs))
    if _is_finished(out, config, identity, resume):
        plan = replace(plan, adaptation=None)  # it has taken place, and the plan is only shown
    companion = _source_worlds(config, num_threads) if method.needs_source_worlds else None
    agent.apply_plan(plan, source.weights if source is not None else None, companion, _training_state(source))
    rows = plan.table(agent.policy)
    run = RunDirectory.create(out, config, identity, resume=resume)
    if match is not None and show_spaces is not None:
        show_spaces(match)
    show_plan(rows)
    with run.working():
        if not run.finished:
            _Run(job, run, agent, worlds, domain, steps, source, match, identity, num_threads).carry_out(rows, report)
    for built in filter(None, (worlds, companion)):
        built.close()
    return run


def _is_finished(out: Path, config: RunConfig, identity: Mapping[str, Any], resume: bool) -> bool:
    """Tell whether `out` holds this run and nothing is left to do; UserError as `RunDirectory.create`."""
    is_there = out.is_dir() and any(out.iterdir())
    return is_there and RunDirectory.create(out, config, identity, resume=resume).finished


def _steps(config: RunConfig, method: Method) -> int:
    """Return what the method may spend on the target, world-steps.

    The source's budget, if that is its own, is rounded down to whole steps of all worlds that collect on the target.
    """
    if method.budget == "target":
        return config.budget.target_steps
    num_envs = config.transfer.num_envs
    return max(1, config.budget.source_steps // num_envs) * num_envs


def _source_worlds(config: RunConfig, num_threads: int) -> DomainVectorEnv:
    """Return worlds of the source domain, for methods that look at the source again; none that it was trained in."""
    domain, num_envs = config.source_domain(config.make_task()), config.agent.num_envs
    return build_worlds(config, domain, num_envs=num_envs, role="source companion", num_threads=num_threads)


def _source_agent(run: RunDirectory) -> Bundle:
    """Return the final checkpoint of a source run.

    Raises:
        UserError: when the run has not reached its end: half a source agent would pass for a whole one.
    """
    if not run.finished:
        raise UserError(f"{run.path}: has not finished; continue it with --resume before it is carried over")
    return run.final()


def _source_steps(agent: Learner) -> int:
    """Return the steps that have been taken in worlds of the source meanwhile."""
    return agent.source_env.counts["steps"] if isinstance(agent.source_env, VectorAdapter) else 0


def _training_state(source: Bundle | None) -> TrainingState | None:
    """Return the training state in a source's checkpoint; one that never trained has none."""
    training = source.meta.get("training") if source is not None else None
    return (source.state, training) if source is not None and training else None


@dataclass(frozen=True)
class _Run:
    """A transfer under way."""

    job: Transfer
    run: RunDirectory
    agent: Learner
    worlds: DomainVectorEnv
    domain: Domain
    steps: int
    source: Bundle | None
    match: SpaceMatch | None
    identity: dict[str, Any]
    num_threads: int

    def carry_out(self, rows: list[PlanRow], report: Reporter) -> None:
        """Train, unless the plan has no phase; evaluate at the beginning, in between and at the end."""
        trains = bool(self.agent.plan.phases)
        bundle = self.run.latest_sound() if trains else None  # without training there is nothing to continue
        self.run.rewind_logs(bundle)
        monitor = Monitor(self.run.tb)
        budget, seen = self.job.config.budget, self._source_statistics()
        training = Training(
            self.run,
            self.agent,
            Schedule(self.steps, budget.evaluations, budget.checkpoints),
            monitor=monitor,
            evaluate=lambda step: self._point(step, monitor, seen),
            meta=self._meta(),
            report=report,
        )
        if bundle is None:
            monitor.plan(rows, parts.digests(self.agent.policy))
            if self.agent.adaptation is not None:
                monitor.adaptation(self.agent.adaptation)
        else:
            training.restore(bundle)
        if trains:
            training.finish()
        else:
            self._zero_shot(monitor, seen)
        self._close(monitor, training)

    def _source_statistics(self) -> RunningNormalizer | None:
        """Return the source's statistics of observations, before training moves them; None without a source's."""
        carried = self.source is not None and self.agent.plan.action("encoder") != "reset"
        return copy.deepcopy(self.agent.policy.encoder.normalizer) if carried else None

    def _zero_shot(self, monitor: Monitor, seen: RunningNormalizer | None) -> None:
        """Record the policy as it is; the same evaluation worlds would give the same return at every later step."""
        self.run.append_curve({"step": 0, **self._point(0, monitor, seen)})
        meta = {**self._meta(), "training": None}
        self.run.save_checkpoint(0, weights=parts.tensors(self.agent.policy), state={}, meta=meta)

    def _meta(self) -> dict[str, Any]:
        return describe_origin(self.job.config, self.identity, self.worlds, self.agent)

    def _evaluate(self, role: str, domain: Domain) -> Evaluation:
        config = self.job.config
        return evaluate(
            self.agent,
            config.env,
            domain,
            episodes=config.budget.eval_episodes,
            seed=derive_seed(config.seed, role, "evaluation"),
            num_threads=self.num_threads,
            task_kwargs=config.task,
        )

    def _point(self, step: int, monitor: Monitor, seen: RunningNormalizer | None) -> dict[str, Any]:
        """Evaluate on the target and log it."""
        result = self._evaluate("target", self.domain)
        monitor.evaluation("target", result, step)
        if seen is not None:
            scores = seen.z_score(torch.from_numpy(result.observations))
            carried = scores if self.match is None else scores[list(self.match.maps["observation"].targets)]
            monitor.observation_shift(float(carried.mean()), step)
        return result.point()

    def _close(self, monitor: Monitor, training: Training) -> None:
        """Evaluate on the source again, write hyper-parameters, digests and the final ledger."""
        job, config, curve = self.job, self.job.config, self.run.curve()
        after = self._evaluate("source", config.source_domain(config.make_task()))
        step = curve[-1]["step"]
        monitor.evaluation("source", after, step)
        digests = parts.digests(self.agent.policy)
        monitor.digests(digests, step)
        settings = {"env": config.env, "target": job.target, "method": job.method, "seed": config.seed}
        settings["agent"] = transfer_settings(config, job.method)
        metrics = {"final/target_return": curve[-1]["return"], "final/initial_return": curve[0]["return"]}
        monitor.hyper_parameters(settings, {**metrics, "final/source_return": after.mean}, step)
        monitor.close()
        frozen = [row.part for row in self.agent.plan.table(self.agent.policy) if row.action == "frozen"]
        before = job.source.ledger().get("source_return") if job.source and self.source else None
        adaptation = self.agent.adaptation
        self.run.write_ledger(
            {
                "status": "finished",
                **learner_counts(self.agent),
                "source_steps": _source_steps(self.agent),
                "adaptation": adaptation and adaptation._asdict(),
                "eval_steps": sum(point["eval_steps"] for point in curve) + after.steps,
                "source_return_before": before,
                "source_return_after": after.mean,
                "frozen_digests": parts.digests(self.agent.policy, frozen),
                "wall_seconds": training.wall_seconds,
            }
        )
