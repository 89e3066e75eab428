"""OffPolicyLearner: steps and updates in turns, from a replay; warm-up, replay ratio, the source's transitions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NoReturn, Self

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.vec_env import VecEnv

from ..errors import AgentsError, PlanError
from ..learning.finite import require_finite, require_finite_learner
from ..learning.learner import Learner
from ..learning.training_state import count_of, number_of
from ..memory import allocating
from ..plan.budget import rollout_steps
from ..plan.plan import TransferPlan
from ..rollouts.callbacks import report_start
from ..rollouts.transition import Transition
from .collection import collect
from .experience import Experience
from .replay import Replay
from .source_stream import SourceStream

__all__ = ["OffPolicyLearner"]

_JUDGE_EVERY = 64  # steps of every world between two judgements, each of them on all of these steps


class OffPolicyLearner(Learner, OffPolicyAlgorithm):
    """A learner whose updates draw from a replay; its settings say when and how often (see SACSettings).

    Every `num_steps` steps of all worlds are followed by `gradient_steps` updates a transition, once the plan has
    collected `learning_starts` of them.

    Attributes:
        experience: the replay, and for plans that ask for it the source's transitions.
        due: updates that are due, fractions too.
        judged: explained variance that the phase's stop rule last read; None: not measured yet.
    """

    takes_source_data = True
    experience: Experience
    due: float
    judged: float | None

    # what a kind of off-policy learner does itself

    def train(self, gradient_steps: int) -> None:  # type: ignore[override] # batches are as large as the settings say
        """Update what trains in the current phase `gradient_steps` times, and log it."""
        raise NotImplementedError

    def judge_values(self, num_steps: int) -> float:
        """Return the explained variance of the values on the last `num_steps` steps of every world."""
        raise NotImplementedError

    def make_experience(self) -> None:
        """Allocate the replay; AgentsError if it has no room for what is asked for before the first update."""
        settings = self.settings
        obs_dim, action_dim = self.observation_space.shape[0], self.policy.action_space.shape[0]  # type: ignore[index]
        with allocating("buffer_size"):
            replay = Replay(settings.buffer_size, obs_dim, action_dim, self.n_envs, self.device)
        self.experience = Experience(replay, self.device)
        self.due, self.judged = 0.0, None
        if settings.learning_starts > replay.capacity:
            raise AgentsError(
                f"learning_starts is {settings.learning_starts}: a buffer_size of {settings.buffer_size} has "
                f"room for "
                f"{replay.capacity} transitions in whole steps of {self.n_envs} worlds, never so many"
            )

    @property
    def replay(self) -> Replay:
        """The transitions of the current plan, in the learner's own worlds."""
        return self.experience.replay

    @property
    def caches(self) -> bool:
        """Whether batches contain cached features."""
        return self.experience.encoder is not None

    @property
    def acts_at_random(self) -> bool:
        """Whether actions are uniformly random now: in the first `random_start` steps of a learner without a source."""
        return self.source_tensors is None and self.replay.total < self.settings.random_start

    def apply_plan(
        self,
        plan: TransferPlan,
        source_tensors: Mapping[str, torch.Tensor] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> list[str]:
        """Begin `plan` with an empty replay; see `Learner.apply_plan`."""
        wanted, batch_size = plan.source_data, self.settings.batch_size
        if wanted is not None and not round(wanted.share * batch_size):
            raise PlanError(f"source_data.share {wanted.share!r} of a batch of {batch_size} is not a single transition")
        return super().apply_plan(plan, source_tensors, *args, **kwargs)

    def plan_begun(self) -> None:
        """Forget all transitions, and make what gives those of the source, if the plan wants any."""
        wanted, worlds, stream = self.plan.source_data, self.source_env, None
        if wanted is not None and worlds is not None:
            stream = SourceStream(wanted, worlds, self.policy, self.settings.buffer_size, self.seeds.weights)
        self.experience.begin(stream)
        self.due, self.judged = 0.0, None

    def note_step(self, transition: Transition) -> None:
        """Count a step of all worlds and keep what it leaves; see `Learner.note_step`."""
        super().note_step(transition)
        self._episode_num += len(transition.ended)

    def remember(self, obs: NDArray[np.float32], actions: NDArray[np.float32], transition: Transition) -> None:
        """Keep the transitions of a step of all worlds; see `Collector.remember`."""
        self.experience.add(obs, actions, transition)

    def collect_rollouts(self, env: VecEnv, callback: BaseCallback, num_steps: int) -> bool:  # type: ignore[override]
        """Take `num_steps` steps of every world; False if a callback ended the training."""
        return collect(self, env, callback, num_steps)

    def _updates_due(self, num_steps: int) -> int:
        """Return how many whole updates are due after `num_steps` more steps of every world; the rest stays due."""
        if not self.optimizers or self.replay.size < self.settings.learning_starts:
            return 0
        self.due += self.settings.gradient_steps * num_steps * self.n_envs
        whole = math.floor(self.due)
        self.due -= whole
        return whole

    def _judge(self, num_steps: int) -> float:
        """Return the values' explained variance if the phase has a stop rule and it is time, else nan."""
        taken = self.phases.steps // self.n_envs
        phase = self.phases.phase
        if phase is None or phase.stop is None or taken // _JUDGE_EVERY == (taken + num_steps) // _JUDGE_EVERY:
            return math.nan
        judged = self.judge_values(_JUDGE_EVERY)
        self.judged = judged if math.isfinite(judged) else None
        return judged

    def end_steps(self, num_steps: int) -> bool:
        """Count `num_steps` steps of every world in the phase; return whether they ended it and the next began."""
        ended = self.phases.after_update(self._judge(num_steps), num_steps * self.n_envs)
        if ended:
            self.judged = None
            self.renew_optimizer()
        return ended

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int | None = 4,
        tb_log_name: str = "",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Self:
        """Take exactly `total_timesteps` steps (fewer only if the plan ends first or a callback says so).

        With `reset_num_timesteps=False` these are further steps, and schedules run over the sum. Logs are written once
        `log_interval` more episodes have ended. Raises AgentsError if the worlds cannot take the steps exactly.
        """
        self.check_budget(total_timesteps)
        if reset_num_timesteps:
            self.iteration = 0
        total_timesteps, callback = self._setup_learn(
            total_timesteps, callback, reset_num_timesteps, tb_log_name or type(self).__name__, progress_bar
        )
        report_start(callback, self, total_timesteps)
        self.experience.begin_source(self.origin, self.generator)
        while self.num_timesteps < total_timesteps and not self.phases.finished:
            self._update_current_progress_remaining(self.num_timesteps, total_timesteps)
            left = total_timesteps - self.num_timesteps
            num_steps = rollout_steps(self.settings.num_steps, self.n_envs, left, self.phases.steps_left)
            ended = self._episode_num
            if not self.collect_rollouts(self.env, callback, num_steps):
                break
            self.iteration += 1
            loss = self.experience.follow(self.policy, num_steps * self.n_envs, self.generator)
            if loss is not None:
                require_finite(self, {"classifier_loss": loss})
                self.logger.record("transfer/classifier_loss", loss)
            if updates := self._updates_due(num_steps):
                self.train(updates)
            if self.plan.average is not None:
                self.policy.follow(self.plan.average.weight(num_steps * self.n_envs))
            self.end_steps(num_steps)
            if log_interval is not None and self._episode_num // log_interval > ended // log_interval:
                self._log_state()
                self.dump_logs()
        self.phases.verify()
        require_finite_learner(self)
        callback.on_training_end()
        return self

    def _log_state(self) -> None:
        """Log where the plan stands."""
        self.logger.record("transfer/phase", self.phases.index)
        self.logger.record("train/replay_size", self.replay.size)
        if self.experience.stream is not None:
            self.logger.record("train/source_replay_size", self.experience.stream.replay.size)
        if self.judged is not None:
            self.logger.record("transfer/explained_variance", self.judged)

    def save_replay_buffer(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: stable-baselines3's files are pickled. The replay is part of `get_training_state`."""
        name = type(self).__name__
        raise AgentsError(f"{name}.save_replay_buffer would pickle: the replay is part of get_training_state()")

    def load_replay_buffer(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: stable-baselines3's files are pickled. The replay is part of `set_training_state`."""
        name = type(self).__name__
        raise AgentsError(f"{name}.load_replay_buffer would unpickle: the replay is part of set_training_state()")

    def get_own_state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Return all transitions, the updates that are due, and counters."""
        tensors, state = self.experience.get_state()
        return tensors, {**state, "due": self.due, "judged": self.judged, "num_episodes": self._episode_num}

    def set_own_state(self, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
        """Continue from what `get_own_state` returned."""
        self.experience.set_state(tensors, state)
        self.due, self._episode_num = number_of(state, "due"), count_of(state, "num_episodes")
        self.judged = None if state.get("judged") is None else number_of(state, "judged")
