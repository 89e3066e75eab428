"""TransferRun: a transfer under way: it trains on the target, is evaluated there and at its end on the source again."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import torch

from agents import PlanRow, RunningNormalizer, VectorAdapter, parts
from envs import Domain

from ..config.config import RunConfig
from ..config.seeding import derive_seed
from ..runs.building import describe_origin, target_learner
from ..runs.evaluation import Evaluation, EvaluationWorlds
from ..runs.monitor import Final, Monitor
from ..runs.progress import Reporter
from ..runs.run import RunDirectory
from ..runs.training import Schedule, Training
from .preparation import Preparation

__all__ = ["TransferRun"]


@dataclass(frozen=True)
class TransferRun:
    """A transfer under way.

    Attributes:
        prepared: what it consists of.
        run: where it is kept.
        num_threads: threads that step worlds of evaluations; 0 all cores.
    """

    prepared: Preparation
    run: RunDirectory
    num_threads: int

    def carry_out(self, rows: list[PlanRow], report: Reporter) -> None:
        """Train, unless the plan has no phase; evaluate at the beginning, in between and at the end.

        `rows` are the plan's table; `report` receives progress.
        """
        agent, budget = self.prepared.agent, self.prepared.job.config.budget
        trains = bool(agent.plan.phases)
        bundle = self.run.latest_sound() if trains else None  # without training there is nothing to continue
        self.run.rewind(bundle)
        monitor, seen = Monitor(self.run.tb), self._source_statistics()
        worlds = self._worlds("target", self.prepared.job.config, self.prepared.domain)
        training = Training(
            self.run,
            agent,
            Schedule(self.prepared.steps, budget.evaluations, budget.checkpoints),
            monitor=monitor,
            evaluate=lambda step: self._point(worlds, step, monitor, seen),
            meta=self._meta(),
            report=report,
        )
        if bundle is None:
            monitor.plan(rows, parts.digests(agent.policy))
            if agent.adaptation is not None:
                monitor.adaptation(agent.adaptation)
        else:
            training.restore(bundle)
        with closing(worlds):
            if trains:
                training.finish()
            else:
                self._zero_shot(worlds, monitor, seen)
        self._close(monitor, training)

    def _source_statistics(self) -> RunningNormalizer | None:
        """Return the source's statistics of observations, before training moves them; None without a source's."""
        agent = self.prepared.agent
        carried = self.prepared.source is not None and agent.plan.action("encoder") != "reset"
        return copy.deepcopy(agent.policy.encoder.normalizer) if carried else None

    def _zero_shot(self, worlds: EvaluationWorlds, monitor: Monitor, seen: RunningNormalizer | None) -> None:
        """Record the policy as it is; the same evaluation worlds would give the same return at every later step."""
        self.run.append_curve({"step": 0, **self._point(worlds, 0, monitor, seen)})
        meta = {**self._meta(), "training": None}
        self.prepared.agent.policy.encoder.require_saved()
        self.run.save_checkpoint(0, weights=parts.tensors(self.prepared.agent.policy), state={}, meta=meta)

    def _meta(self) -> dict[str, Any]:
        prepared = self.prepared
        return describe_origin(prepared.job.config, prepared.identity, prepared.worlds, prepared.agent)

    def _worlds(self, role: str, home: RunConfig, domain: Domain) -> EvaluationWorlds:
        """Return worlds of `domain` of `home`'s environment, with `home`'s seed and number of episodes."""
        return EvaluationWorlds(
            home.env_import,
            domain,
            episodes=home.budget.eval_episodes,
            seed=derive_seed(home.seed, role, "evaluation"),
            num_threads=self.num_threads,
            task_kwargs=home.task,
        )

    def _point(
        self, worlds: EvaluationWorlds, step: int, monitor: Monitor, seen: RunningNormalizer | None
    ) -> dict[str, Any]:
        """Evaluate in `worlds` of the target and log it."""
        result, source = worlds.evaluate(self.prepared.agent), self.prepared.source
        monitor.evaluation("target", result, step)
        if seen is not None and source is not None:
            scores = seen.z_score(torch.from_numpy(result.observations))
            carried = scores if source.match is None else scores[list(source.match.maps["observation"].targets)]
            monitor.observation_shift(float(carried.mean()), step)
        return result.point()

    def _retention(self) -> Evaluation:
        """Evaluate on the source again, in the very episodes where the source agent's own return was found.

        Where a space_map has left nothing that can act there, and without a source agent: in the source domain of the
        configuration of this run (see `source_home`).
        """
        home = self.prepared.home
        with closing(self._worlds("source", home, home.source_domain(home.make_task()))) as worlds:
            return worlds.evaluate(self.prepared.agent)

    def _close(self, monitor: Monitor, training: Training) -> None:
        """Evaluate on the source again, write hyper-parameters, digests and the final ledger."""
        job, agent, curve = self.prepared.job, self.prepared.agent, self.run.curve()
        after, step = self._retention(), curve[-1]["step"]
        monitor.evaluation("source", after, step)
        monitor.digests(parts.digests(agent.policy), step)
        final = Final(after.mean, curve[0]["return"], curve[-1]["return"])
        learner = target_learner(job.config, job.method)
        monitor.hyper_parameters("transfer", job.config, learner, job.target, job.method, final, step)
        monitor.close()
        frozen = [row.part for row in agent.plan.table(agent.policy) if row.action == "frozen"]
        source, companion = self.prepared.source, agent.source_env
        self.run.finish(
            {
                **training.counts(),
                "source_steps": companion.counts["steps"] if isinstance(companion, VectorAdapter) else 0,
                "adaptation": agent.adaptation and agent.adaptation._asdict(),
                "eval_steps": sum(point["eval_steps"] for point in curve) + after.steps,
                "source_return_before": _source_return(source.run.ledger()) if source is not None else None,
                "source_return_after": after.mean,
                "frozen_digests": parts.digests(agent.policy, frozen),
                "wall_seconds": training.wall_seconds,
            }
        )


def _source_return(ledger: Mapping[str, Any]) -> float | None:
    """Return what a run, whichever kind, has come to on the source."""
    known = ledger.get("source_return", ledger.get("source_return_after"))
    return None if known is None else float(known)
