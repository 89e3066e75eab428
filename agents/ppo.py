"""PPO as a subclass of stable-baselines3's: arrays instead of loops, plans of phases, exact continuation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, Self, cast

import gymnasium as gym
import numpy as np
import stable_baselines3
import torch
from gymnasium.vector import VectorEnv
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.utils import FloatSchedule, LinearSchedule, explained_variance
from stable_baselines3.common.vec_env import VecEnv

from .budget import exact_steps_error, rollout_steps
from .collection import collect
from .errors import AgentsError, PlanError
from .optimizer import make_optimizer, set_learning_rate
from .phase_runner import PhaseRunner, carry_over
from .phases import Phase, TransferPlan, pretrain_plan
from .policy import AgentPolicy, make_policy
from .rollout import Rollout
from .settings import PPOSettings
from .training_state import get_training_state, set_training_state
from .transition import Transition
from .update import run_update
from .vec_adapter import VectorAdapter

__all__ = ["PPO"]


class PPO(stable_baselines3.PPO):
    """Proximal policy optimisation over many worlds (arXiv 1707.06347), by the phases of a transfer plan.

    Callbacks, logger, `predict` and `learn` are those of stable-baselines3 (a callback that calls `save` is
    refused: that would pickle); logs are written after an update,
    so a rollout's figures and those of its update share one step. All randomness comes from `seed`, none from
    a global generator. Until `apply_plan` is called, the plan is `pretrain_plan()`: everything trains.
    """

    policy: AgentPolicy
    rollout_buffer: Rollout
    phases: PhaseRunner
    env: VecEnv

    def __init__(
        self,
        env: VectorEnv[Any, Any, Any] | VecEnv | gym.Env[Any, Any] | str,
        settings: PPOSettings | Mapping[str, Any] | None = None,
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
        self.settings = settings if isinstance(settings, PPOSettings) else PPOSettings.from_mapping(settings or {})
        self.generator = torch.Generator()  # on the CPU whatever the device: the same numbers everywhere
        self.iteration = 0  # rollouts collected
        rate = self.settings.learning_rate
        super().__init__(
            AgentPolicy,
            cast(Any, env),
            learning_rate=LinearSchedule(rate, 0.0, 1.0) if self.settings.schedule == "linear" else rate,
            n_steps=2,  # set below: SB3 refuses single samples and warns of odd minibatches
            batch_size=2,
            **self.settings.shared_with_sb3(),
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            seed=seed,
            device=device,
            _init_setup_model=False,
        )
        self.n_steps, self.batch_size = self.settings.num_steps, self.settings.batch_size
        self._setup_model()

    @staticmethod
    def _wrap_env(env: Any, verbose: int = 0, monitor_wrapper: bool = True) -> VecEnv:
        if isinstance(env, VectorEnv):
            env = VectorAdapter(env)
        return stable_baselines3.PPO._wrap_env(env, verbose, monitor_wrapper)

    def _setup_model(self) -> None:
        self._setup_lr_schedule()
        self.clip_range = FloatSchedule(self.settings.clip_range)
        self.set_random_seed(self.seed)
        if not isinstance(self.env, VectorAdapter):  # which was made with a seed of its own
            self.env.seed(self.seed)
        self.policy = self._fresh_policy()
        self.rollout_buffer = Rollout(
            self.n_steps,
            self.observation_space,
            self.action_space,
            self.device,
            features_dim=self.policy.encoder.features_dim,
            generator=self.generator,
            gae_lambda=self.gae_lambda,
            gamma=self.gamma,
            n_envs=self.n_envs,
        )
        self.return_traces = np.zeros(self.n_envs)  # (num_envs,): discounted return of every world so far
        self.phases = PhaseRunner(self.policy, pretrain_plan(), self.n_envs)
        self.renew_optimizer()

    def set_random_seed(self, seed: int | None = None) -> None:
        """Seed the learner's own generator (noise, permutations); no global generator is touched."""
        init_seed, noise_seed = np.random.SeedSequence(seed).generate_state(2, np.uint64)
        self._init_seed = int(init_seed)
        self.generator.manual_seed(int(noise_seed))

    def _fresh_policy(self) -> AgentPolicy:
        """Return a policy with the initial weights of this seed, on the learner's device."""
        built_for = self.observation_space, self.action_space, self.lr_schedule, self.settings
        return make_policy(*built_for, self._init_seed).to(self.device)

    @property
    def plan(self) -> TransferPlan:
        """The plan that is carried out."""
        return self.phases.plan

    @property
    def phase(self) -> Phase | None:
        """The phase that runs, None once all are over."""
        return self.phases.phase

    def apply_plan(self, plan: TransferPlan, source_tensors: Mapping[str, torch.Tensor] | None = None) -> list[str]:
        """Begin `plan`: load kept and frozen parts from `source_tensors`, make the others fresh.

        Returns the names of the loaded tensors. Raises PlanError if the plan does not fit, or carries parts
        over and there is no source; PartsError if the source does not fit.
        """
        loaded = carry_over(self.policy, plan, source_tensors, self._fresh_policy())
        self.phases = PhaseRunner(self.policy, plan, self.n_envs)
        self.renew_optimizer()
        return loaded

    def renew_optimizer(self) -> None:
        """Replace the optimizer by a fresh one over the parts that train now."""
        rate = self.lr_schedule(self._current_progress_remaining)
        self.policy.optimizer = make_optimizer(self.policy, self.phases.rates, rate)

    def _update_learning_rate(self, optimizers: list[torch.optim.Optimizer] | torch.optim.Optimizer) -> None:
        rate = self.lr_schedule(self._current_progress_remaining)
        self.logger.record("train/learning_rate", rate)
        for optimizer in optimizers if isinstance(optimizers, list) else [optimizers]:
            set_learning_rate(optimizer, rate)

    def collect_rollouts(self, env: VecEnv, callback: BaseCallback, rollout_buffer: Any, n_rollout_steps: int) -> bool:
        """Fill the buffer with `n_rollout_steps` steps of every world; False if a callback ended it."""
        return collect(self, env, callback, rollout_buffer, n_rollout_steps)

    def note_step(self, transition: Transition) -> None:
        """Count a step of all worlds and keep what it leaves: the next observations, ended episodes."""
        self.num_timesteps += self.n_envs
        self._last_obs, self._last_episode_starts = transition.obs, transition.done
        if self.ep_info_buffer is not None:
            self.ep_info_buffer.extend(transition.episodes)

    def train(self) -> None:
        """Update the current phase's parts on the collected rollout, log it, count the phase's steps."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        rollout, rates = self.rollout_buffer, self.phases.rates
        log = run_update(self.policy, rollout, self.settings, self.policy.optimizer, rates)
        self._n_updates += log.epochs
        for name, value in log.values.items():
            self.logger.record(f"train/{name}", value)
        explained = explained_variance(rollout.values.flatten(), rollout.returns.flatten())
        self.logger.record("train/explained_variance", explained)
        self.logger.record("train/std", float(self.policy.log_std.detach().exp().mean()))
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/clip_range", self.settings.clip_range)
        self.logger.record("train/return_scale", self.policy.return_scale.std)
        self.logger.record("transfer/phase", self.phases.index)
        # lambda-returns are made of the values themselves; a stop rule judges the values by the rewards that came
        judged = explained_variance(rollout.values.flatten(), rollout.full_returns.flatten())
        self.logger.record("transfer/explained_variance", judged)
        if self.phases.after_update(float(judged), rollout.values.size):
            self.renew_optimizer()

    def _check_budget(self, steps: int) -> None:
        """Raise AgentsError or PlanError if exactly `steps` more steps cannot be taken."""
        if problem := exact_steps_error(steps, self.n_envs):
            raise AgentsError(problem)
        if steps and self.phases.finished:
            reason = "all its phases are over" if self.plan.phases else "it has no phases (zero-shot)"
            raise PlanError(f"the plan trains nothing: {reason}; apply another plan before learn()")

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int | None = 1,
        tb_log_name: str = "PPO",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Self:
        """Take exactly `total_timesteps` steps (fewer only if the plan ends first or a callback says so).

        With `reset_num_timesteps=False` these are further steps, and schedules run over the sum: a run of N
        steps that was stopped after n goes on with `learn(N - n, reset_num_timesteps=False)`. The last
        rollout is shortened to meet the budget. Raises AgentsError if the worlds cannot take it exactly.
        """
        self._check_budget(total_timesteps)
        if reset_num_timesteps:
            self.iteration, self.return_traces = 0, np.zeros(self.n_envs)
        total_timesteps, callback = self._setup_learn(
            total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar
        )
        callback.on_training_start(locals(), globals())
        while self.num_timesteps < total_timesteps and not self.phases.finished:
            # Progress as before the rollout: the first update has the full rate, the last one not zero.
            self._update_current_progress_remaining(self.num_timesteps, total_timesteps)
            left = total_timesteps - self.num_timesteps
            num_steps = rollout_steps(self.n_steps, self.n_envs, left, self.phases.steps_left)
            if not self.collect_rollouts(self.env, callback, self.rollout_buffer, num_steps):
                break
            self.iteration += 1
            self.train()
            if log_interval is not None and self.iteration % log_interval == 0:
                self.dump_logs(self.iteration)
        self.phases.verify()
        callback.on_training_end()
        return self

    def get_training_state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Return everything besides the weights that is needed to continue byte for byte: tensors, and JSON.

        Call it between updates: after `learn`, or in a callback's `on_rollout_start`. CheckpointError if the
        environment cannot hand its state over.
        """
        return get_training_state(self)

    def set_training_state(self, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
        """Continue from what `get_training_state` returned: plan, phase, worlds, optimizer, generators.

        The weights of that moment must have been loaded (`parts.load`); CheckpointError if they are others.
        """
        set_training_state(self, tensors, state)

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: stable-baselines3's files are pickled. Use `save_bundle`."""
        raise AgentsError("PPO.save would pickle: use save_bundle(path, weights=parts.tensors(ppo.policy), ...)")

    @classmethod
    def load(cls, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: stable-baselines3's files are pickled. Use `load_bundle`."""
        raise AgentsError("PPO.load would unpickle: use load_bundle(path) and parts.load(ppo.policy, bundle.weights)")
