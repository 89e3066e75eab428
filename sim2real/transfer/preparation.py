"""What a transfer consists of, found and built before anything of it is on disk: whatever is wrong shows here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agents import Learner
from envs import Domain, DomainVectorEnv

from ..config.config import RunConfig
from ..methods import Target
from ..runs.building import build_agent, build_worlds, target_learner
from ..runs.run import RunDirectory
from .job import Transfer
from .source_side import SourceSide, open_source, source_companion, source_home

__all__ = ["Preparation", "prepare"]


@dataclass(frozen=True)
class Preparation:
    """A transfer that can begin.

    Attributes:
        job: what is carried where.
        domain: of the target.
        steps: what may be spent there, world-steps.
        worlds: of the target, to train in.
        agent: the learner, its plan applied.
        source: what it was carried over from; None for a method that needs none.
        home: whose environment, task, source domain and evaluation the source's are (see `source_home`).
        companion: worlds of the source beside the target's, for methods that want some.
        identity: what, besides configuration and seed, decides the result.
    """

    job: Transfer
    domain: Domain
    steps: int
    worlds: DomainVectorEnv
    agent: Learner
    source: SourceSide | None
    home: RunConfig
    companion: DomainVectorEnv | None
    identity: Mapping[str, Any]

    def close(self) -> None:
        """Close all worlds."""
        for built in filter(None, (self.worlds, self.companion)):
            built.close()


def prepare(job: Transfer, out: Path, *, resume: bool, num_threads: int) -> Preparation:
    """Find and build what `job`, to be kept in the folder `out`, consists of; nothing is written.

    A plan's adaptation takes place here, unless the run in `out` has finished.

    Raises:
        UserError: as `open_source` and `source_home`, and where `out` holds another run.
        EnvsError: for names that are not there.
        AgentsError: when plan, agent and source do not fit.
    """
    config, method = job.config, job.row()
    domain = config.target_domain(job.target, config.make_task())
    learner = target_learner(config, job.method)
    settings = learner.settings
    worlds = build_worlds(config, domain, settings, num_envs=learner.num_envs, role="target", num_threads=num_threads)
    source = open_source(job, worlds)
    home = source_home(job, source)
    identity = {
        "kind": "transfer",
        "target": job.target,
        "target_domain": domain.to_mapping(),
        "method": job.method,
        "parent": None,
        **(source.identity() if source is not None else {}),
    }
    agent = build_agent(config, worlds, learner.settings, role="target")
    carried = source.carried(agent.policy) if source is not None else None
    steps = config.budget.target_steps if method.budget == "target" else config.budget.source_steps
    plan = method.plan(carried, Target(config.env, job.target, domain, steps, learner.num_envs))
    if _is_finished(out, config, identity, resume):
        plan = replace(plan, adaptation=None)  # it has taken place, and the plan is only shown
    companion = None
    if method.needs_source_worlds:
        companion = source_companion(
            home, settings, config.seed, num_threads, privileged=plan.adaptation is not None or method.needs_teacher
        )
    agent.apply_plan(plan, None if carried is None else carried.weights, companion)
    return Preparation(job, domain, steps, worlds, agent, source, home, companion, identity)


def _is_finished(out: Path, config: RunConfig, identity: Mapping[str, Any], resume: bool) -> bool:
    """Return whether `out` holds this run and nothing is left to do; UserError as `RunDirectory.create`."""
    is_there = out.is_dir() and any(out.iterdir())
    return is_there and RunDirectory.create(out, config, identity, resume=resume).complete
