"""The training loop of a run: learn, evaluate, checkpoint, and go on after a kill as if nothing had happened.

Everything happens at update boundaries, in the order evaluate, checkpoint. A checkpoint records how long every log was
then; continuing cuts the logs back to that, loads the learner's whole state and learns on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from agents import AgentsError, CheckpointError, DivergedError, Learner, VectorAdapter, parts, require_finite_learner
from envs import DomainVectorEnv

from .evaluation import describe_broken
from .monitor import Monitor
from .progress import Reporter
from .run import RunDirectory

__all__ = ["FAULTS_WARNED", "Schedule", "Training", "fault_warning", "learner_counts"]

FAULTS_WARNED = 0.01  # share of episodes that diverge in training; a domain that is sound has none or next to none
Point = dict[str, Any]


@dataclass(frozen=True)
class Schedule:
    """When things happen in a run of `steps` world-steps; points are spread evenly, the last at the end."""

    steps: int
    evaluations: int
    checkpoints: int

    def evaluations_due(self, step: int) -> int:
        """Return how many evaluations after the one at step 0 are due by `step`."""
        return step * self.evaluations // self.steps

    def checkpoints_due(self, step: int) -> int:
        """Return how many checkpoints are due by `step`."""
        return step * self.checkpoints // self.steps


class Training:
    """One run on its way from wherever it stands to its end."""

    def __init__(
        self,
        run: RunDirectory,
        agent: Learner,
        schedule: Schedule,
        *,
        monitor: Monitor,
        evaluate: Callable[[int], Point],
        meta: Mapping[str, Any],
        report: Reporter,
    ) -> None:
        """Bind what a run consists of.

        Args:
            run: where it is kept.
            agent: the learner, its plan applied; its worlds in place.
            schedule: its length, evaluations and checkpoints.
            monitor: where it logs.
            evaluate: step -> the point of the curve at that step, `steps` among it; must not touch the learner.
            meta: what every checkpoint says about its origin.
            report: receives progress.
        """
        self.run, self.agent, self.schedule = run, agent, schedule
        self._monitor, self._evaluate, self._meta, self._report = monitor, evaluate, dict(meta), report
        self._evaluated, self._saved, self._last = -1, 0, "starting"  # -1: not even at step 0
        self._evaluated_at, self._saved_at, self._eval_steps = -1, -1, 0
        self._started, self._before = time.monotonic(), 0.0
        agent.set_logger(monitor.logger)

    @property
    def wall_seconds(self) -> float:
        """Seconds this run has taken, over all its continuations."""
        return self._before + time.monotonic() - self._started

    def restore(self, bundle: Any) -> None:
        """Continue from a checkpoint of this run; its logs must have been cut back to it.

        Raises:
            CheckpointError: naming the run, the step and what of the checkpoint does not fit.
        """
        step = int(bundle.meta["step"])
        try:
            parts.load(self.agent.policy, bundle.weights)
            self.agent.set_training_state(bundle.state, bundle.meta.get("training") or {})
        except AgentsError as error:
            raise CheckpointError(f"{self.run.path}: the checkpoint of step {step:,} does not fit: {error}") from None
        curve = self.run.curve()
        self._evaluated_at, self._saved_at = curve[-1]["step"], step
        self._eval_steps = sum(point["eval_steps"] for point in curve)
        self._evaluated, self._saved = (
            self.schedule.evaluations_due(step),
            self.schedule.checkpoints_due(step),
        )
        self._before = float(bundle.meta["clock"]["wall_seconds"])

    def finish(self) -> None:
        """Learn until all steps are taken; the last point of the curve and the last checkpoint are at the end.

        Raises:
            DivergedError: naming the run, the learner, the step, and the last checkpoint, which stays.
        """
        left = self.schedule.steps - self.agent.num_timesteps
        if left and not self.agent.phases.finished:
            try:
                self.agent.learn(left, callback=_Boundaries(self), reset_num_timesteps=self.agent.num_timesteps == 0)
            except DivergedError as error:
                raise DivergedError(f"{self.run.path}: {error}; {self._last_good()}") from None
        self._monitor.flush()
        self.run.prune()  # a kill may have left one too many

    def _last_good(self) -> str:
        """Say which checkpoint was written last: none is written of what is not finite."""
        if self._saved_at < 0:
            return "no checkpoint was written before"
        return f"the last good checkpoint is that of step {self._saved_at:,}"

    def visit(self, last: bool = False) -> None:
        """Do what is due at this update boundary; at the `last` one, whether it is due or not."""
        step = self.agent.num_timesteps
        evaluations, checkpoints = self.schedule.evaluations_due(step), self.schedule.checkpoints_due(step)
        evaluates = evaluations > self._evaluated or (last and self._evaluated_at != step)
        saves = checkpoints > self._saved or (last and self._saved_at != step)
        if evaluates or saves:
            require_finite_learner(self.agent)  # or the simulation would be blamed for what the policy does
        if evaluates:
            self._evaluated, self._evaluated_at = evaluations, step
            point = {"step": step, **self._evaluate(step)}
            self._eval_steps += point["eval_steps"]
            self.run.append_curve(point)
            self._last = "; ".join(filter(None, [f"return {point['return']:.0f}", fault_warning(self.counts())]))
        if saves:
            self._saved, self._saved_at = checkpoints, step
            self._checkpoint(step)
        self._report(step, self.schedule.steps, self._last)

    def _checkpoint(self, step: int) -> None:
        self._monitor.flush()
        state, training = self.agent.get_training_state()
        self.run.save_checkpoint(
            step,
            weights=parts.tensors(self.agent.policy),
            state=state,
            meta={**self._meta, "training": training, "clock": {"wall_seconds": self.wall_seconds}},
        )
        spent = {"eval_steps": self._eval_steps, "wall_seconds": self.wall_seconds}
        self.run.write_ledger({"status": "running", **self.counts(), **spent})

    def counts(self) -> dict[str, Any]:
        """Return what the ledger says of training so far: `learner_counts`, and what is to be warned of."""
        counts = learner_counts(self.agent)
        return {**counts, "warning": fault_warning(counts)}


class _Boundaries(BaseCallback):
    """Calls `visit` between updates: before every rollout, and after the last update; counts worlds that diverged."""

    def __init__(self, training: Training) -> None:
        super().__init__()
        self._training = training

    def _on_rollout_start(self) -> None:
        self._training.visit()

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        agent = self._training.agent
        self.logger.record("rollout/faults", learner_counts(agent)["faults"])  # in the run so far
        ended = agent.ep_info_buffer or ()  # as rollout/ep_rew_mean: of the last episodes
        for key in [key for key in ended[0] if key.startswith("reward/")] if ended else ():
            self.logger.record(key, sum(episode[key] for episode in ended) / len(ended))

    def _on_training_end(self) -> None:
        self._training.visit(last=True)


def learner_counts(agent: Learner) -> dict[str, Any]:
    """Return what training has spent: steps, episodes ended, falls among them, resets, faults and their share."""
    adapter = agent.env
    if not isinstance(adapter, VectorAdapter) or not isinstance(adapter.env, DomainVectorEnv):
        raise TypeError(f"runs train on a DomainVectorEnv, not on {adapter}")
    counts = adapter.counts
    started = adapter.num_envs if counts["steps"] else 0
    return {
        "steps": counts["steps"],
        "episodes": counts["episodes"],
        "falls": counts["terminations"],
        "resets": counts["episodes"] + started,
        "faults": adapter.env.num_faults,
        "fault_share": adapter.env.num_faults / max(counts["episodes"], 1),  # of the episodes
        **({"not_finite": dict(adapter.env.not_finite)} if adapter.env.not_finite else {}),
    }


def fault_warning(counts: Mapping[str, Any]) -> str | None:
    """Return what to say of `learner_counts`, else None.

    That is what of the task's own numbers was not finite, or that more than `FAULTS_WARNED` of the episodes diverged.
    """
    if broken := counts.get("not_finite"):
        return describe_broken(broken)
    share = counts.get("fault_share", 0.0)
    if share <= FAULTS_WARNED:
        return None
    return f"in {share:.0%} of the training episodes the simulation diverged; see fidelity and parameters of the domain"
