"""SAC as a subclass of stable-baselines3's: arrays instead of loops, plans of phases, exact continuation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NoReturn, Self, cast

import gymnasium as gym
import numpy as np
import stable_baselines3
import torch
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv

from ..errors import AgentsError, PlanError
from ..learning.finite import require_finite, require_finite_learner
from ..learning.learner import Learner
from ..learning.optimizer import make_optimizer, set_learning_rate
from ..learning.training_state import count_of, number_of
from ..memory import allocating, num_weights, require_memory
from ..networks.device import choose_device
from ..networks.freezing import is_frozen
from ..plan.budget import rollout_steps
from ..plan.phase_runner import PhaseRunner
from ..plan.plan import TransferPlan, pretrain_plan
from ..policy.parts import count
from ..replay.replay import Replay
from ..rollouts.transition import Transition
from .batches import iterate_batches
from .collection import collect
from .experience import Experience
from .judging import JUDGE_EVERY, judge_critics
from .policy import SacPolicy, make_policy
from .settings import SACSettings
from .source_stream import SourceStream
from .update import Optimizers, Updater

__all__ = ["SAC"]

_EPS = 1e-8  # of Adam, stable-baselines3's value for SAC
_ENCODER, _SLOW = "encoder.", "encoder_target."  # prefixes of tensor names


class SAC(Learner, stable_baselines3.SAC):
    """Soft actor-critic over many worlds (arXiv 1812.05905), by the phases of a transfer plan.

    Callbacks, logger, `predict` and `learn` are those of stable-baselines3 (a callback that calls `save` is
    refused: that would pickle). Every step of all worlds is followed by `gradient_steps` updates a transition,
    once the plan has collected `learning_starts` of them. Actions are the policy's own from the first step on,
    unless there is no source and `random_start` asks for others.
    """

    takes_penalties = takes_source_data = takes_average = True
    policy: SacPolicy  # type: ignore[assignment] # stable-baselines3 only asks it to predict
    experience: Experience

    def __init__(
        self,
        env: VectorEnv[Any, Any, Any] | VecEnv | gym.Env[Any, Any] | str,
        settings: SACSettings | Mapping[str, Any] | None = None,
        *,
        seed: int = 0,
        device: torch.device | str = "auto",
        tensorboard_log: str | None = None,
        verbose: int = 0,
    ) -> None:
        """Build the policy for `env`: a gymnasium VectorEnv (SAME_STEP), or what stable-baselines3 accepts.

        A VectorEnv keeps the seed it was made with; hand a VectorAdapter(env, seed=...) to seed it here.
        Raises AgentsError on settings or spaces that cannot be.
        """
        self.settings = settings if isinstance(settings, SACSettings) else SACSettings.from_mapping(settings or {})
        self.begin()
        rate = self.settings.learning_rate
        super().__init__(
            cast(Any, SacPolicy),
            cast(Any, env),
            learning_rate=LinearSchedule(rate, 0.0, 1.0) if self.settings.schedule == "linear" else rate,
            buffer_size=self.settings.buffer_size,
            learning_starts=self.settings.learning_starts,
            batch_size=self.settings.batch_size,
            tau=self.settings.tau,
            gamma=self.settings.gamma,
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            seed=seed,
            device=choose_device(device),
            _init_setup_model=False,
        )
        self._setup_model()

    def _setup_model(self) -> None:
        self._setup_lr_schedule()
        self.seed_everything()
        self._require_memory()
        with allocating("the networks"):
            self.adopt(self.make_fresh_policy())
        obs_dim, action_dim = self.observation_space.shape[0], self.policy.action_space.shape[0]  # type: ignore[index]
        entropy = self.settings.target_entropy
        self.target_entropy = -float(action_dim) if entropy is None else entropy
        with allocating("buffer_size"):
            replay = Replay(self.settings.buffer_size, obs_dim, action_dim, self.n_envs, self.device)
        self.experience = Experience(replay, self.device)
        self._require_room()
        self.due = 0.0  # updates that are owed, fractions too
        self.judged: float | None = None  # what the phase's stop rule last judged
        self.phases = PhaseRunner(self.policy, pretrain_plan(), self.n_envs)
        self.renew_optimizer()

    def _require_memory(self) -> None:
        """Raise AgentsError where networks, the replay or a minibatch cannot fit the machine."""
        if self.device.type != "cpu":
            return  # it has a memory of its own
        settings, obs_dim = self.settings, math.prod(self.observation_space.shape or ())
        action_dim = math.prod(self.action_space.shape or ())
        encoder = settings.encoder.estimated_widths(obs_dim)
        policy = encoder[-1], *settings.policy_head, 2 * action_dim
        critic = encoder[-1] + action_dim, *settings.critic_head, 1
        weights = num_weights(encoder) + num_weights(policy) + settings.num_critics * num_weights(critic)
        units = 2 * sum(encoder) + 2 * sum(policy) + 2 * settings.num_critics * sum(critic)
        require_memory(
            {
                "encoder, policy_head, critic_head (their widths) and num_critics": 20 * weights,
                "buffer_size": 4 * settings.buffer_size * (2 * obs_dim + action_dim + 3),
                "batch_size": 4 * settings.batch_size * (units + 3 * obs_dim),
                "num_steps": 4 * settings.num_steps * self.n_envs * obs_dim,
            }
        )

    def _require_room(self) -> None:
        """Raise AgentsError if the replay can never hold what is asked for before the first update."""
        starts, room = self.settings.learning_starts, self.replay.capacity
        if starts > room:
            raise AgentsError(
                f"learning_starts is {starts}: a buffer_size of {self.settings.buffer_size} holds {room} transitions "
                f"in whole steps of {self.n_envs} worlds, never so many"
            )

    def make_fresh_policy(self) -> SacPolicy:
        """Return a policy with the initial weights of this seed, on the learner's device."""
        return make_policy(self.observation_space, self.action_space, self.settings, self.seeds.weights).to(self.device)

    def apply_plan(
        self,
        plan: TransferPlan,
        source_tensors: Mapping[str, torch.Tensor] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> list[str]:
        """Begin `plan` with an empty replay; see `Learner.apply_plan`.

        The encoder's slow copy begins as the encoder itself: how far it lagged behind is the source's history.
        """
        wanted, batch_size = plan.source_data, self.settings.batch_size
        if wanted is not None and not round(wanted.share * batch_size):
            raise PlanError(f"source_data.share {wanted.share!r} of a batch of {batch_size} is not a single transition")
        if source_tensors is not None:
            own = {name: tensor for name, tensor in source_tensors.items() if not name.startswith(_SLOW)}
            slow = {_SLOW + name.removeprefix(_ENCODER): own[name] for name in own if name.startswith(_ENCODER)}
            source_tensors = {**own, **slow}
        return super().apply_plan(plan, source_tensors, *args, **kwargs)

    def plan_begun(self) -> None:
        """Forget all transitions, and make what gives those of the source, if the plan wants any."""
        wanted, worlds, stream = self.plan.source_data, self.source_env, None
        if wanted is not None and worlds is not None:
            stream = SourceStream(wanted, worlds, self.policy, self.settings, self.seeds.weights)
        self.experience.begin(stream)
        self.due, self.judged = 0.0, None

    @property
    def replay(self) -> Replay:
        """The transitions of the current plan, in the learner's own worlds."""
        return self.experience.replay

    @property
    def caches(self) -> bool:
        """Whether batches hold features that were computed once."""
        return self.experience.encoder is not None

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Those that move weights now: of encoder and critics, of policy head and temperature."""
        return self._optimizers.present()

    def renew_optimizer(self) -> None:
        """Replace the optimizers by fresh ones over what trains now, and see whether features can be cached."""
        self._optimizers = Optimizers(
            critics=self._make_optimizer("encoder", "critic"),
            policy=self._make_optimizer("policy_head", "adapters", "temperature"),
        )
        cached = self.settings.cache_features and self.policy.keeps_features
        self.experience.cache_features(self.policy.encoder if cached else None)
        self._updater: Updater | None = None
        self.continue_source_moments()

    def _make_optimizer(self, *names: str) -> torch.optim.Optimizer | None:
        """Return a fresh optimizer over what trains of some parts, None if nothing does."""
        rates = {unit: rate for unit, rate in self.phases.rates.items() if unit.split(".")[0] in names}
        if not rates or not count(self.policy, *rates):
            return None
        return make_optimizer(self.policy, rates, self.rate_now, eps=_EPS)

    @property
    def acts_at_random(self) -> bool:
        """Whether actions are uniformly random now: in the first `random_start` steps of a learner without a source."""
        return self.source_tensors is None and self.replay.total < self.settings.random_start

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

    def train(self, gradient_steps: int, batch_size: int = 0) -> None:
        """Update what trains in the current phase `gradient_steps` times, and log it; batches as in the settings."""
        policy = self.policy
        policy.set_training_mode(True)
        self.keep_exploring()
        for optimizer in self.optimizers:
            set_learning_rate(optimizer, self.rate_now)
        if self._updater is None:
            self._updater = Updater(policy, self.settings, self._optimizers, float(self.target_entropy), self.caches)
        pools = self.experience.pools(self.settings.batch_size)
        batches = iterate_batches(policy, pools, self.settings, self.generator, gradient_steps)
        done = 1.0 - self._current_progress_remaining
        with self.lend_randomness():
            log = self._updater.run(batches, self._n_updates, self.active_penalties(), done)
        require_finite(self, log)  # weights that are not finite give losses that are not, at the next update
        self._n_updates += gradient_steps
        for name, value in log.items():
            self.logger.record(f"train/{name}", value)
        self.logger.record("train/learning_rate", self.rate_now)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def _updates_due(self, num_steps: int) -> int:
        """Return how many whole updates are due after `num_steps` more steps of every world; the rest stays owed."""
        if not self.optimizers or self.replay.size < self.settings.learning_starts:
            return 0
        self.due += self.settings.gradient_steps * num_steps * self.n_envs
        whole = math.floor(self.due)
        self.due -= whole
        return whole

    def _judge(self, num_steps: int) -> float:
        """Return the critics' explained variance if the phase has a stop rule and it is time, else nan."""
        taken = self.phases.steps // self.n_envs
        phase = self.phases.phase
        if phase is None or phase.stop is None or taken // JUDGE_EVERY == (taken + num_steps) // JUDGE_EVERY:
            return math.nan
        judged = judge_critics(self.policy, self.replay, self.settings.gamma, self.generator)
        self.judged = judged if math.isfinite(judged) else None
        return judged

    def _end_steps(self, num_steps: int) -> None:
        """Count `num_steps` steps of every world in the phase; enter the next phase if that was its last."""
        encoder_stood_still = is_frozen(self.policy.encoder)
        if self.phases.after_update(self._judge(num_steps), num_steps * self.n_envs):
            if encoder_stood_still and self.phases.trains("encoder"):
                self.policy.restart_encoder_target()
            self.judged = None
            self.renew_optimizer()

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int | None = 4,
        tb_log_name: str = "SAC",
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
            total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar
        )
        callback.on_training_start(locals(), globals())
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
            self._end_steps(num_steps)
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
        raise AgentsError("SAC.save_replay_buffer would pickle: the replay is part of get_training_state()")

    def load_replay_buffer(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: stable-baselines3's files are pickled. The replay is part of `set_training_state`."""
        raise AgentsError("SAC.load_replay_buffer would unpickle: the replay is part of set_training_state()")

    def get_own_state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Return all transitions, the updates that are owed, and counters."""
        tensors, state = self.experience.get_state()
        return tensors, {**state, "due": self.due, "judged": self.judged, "num_episodes": self._episode_num}

    def set_own_state(self, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
        """Continue from what `get_own_state` returned."""
        self.experience.set_state(tensors, state)
        self.due, self._episode_num = number_of(state, "due"), count_of(state, "num_episodes")
        self.judged = None if state.get("judged") is None else number_of(state, "judged")
