"""PPO as a subclass of stable-baselines3's: arrays instead of loops, plans of phases, exact continuation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self, cast

import gymnasium as gym
import numpy as np
import stable_baselines3
import torch
from gymnasium.vector import VectorEnv
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.utils import FloatSchedule, LinearSchedule, explained_variance
from stable_baselines3.common.vec_env import VecEnv

from ..learning.finite import require_finite
from ..learning.learner import Learner
from ..learning.optimizer import make_optimizer, set_learning_rate, trained_parameters
from ..learning.returns import Rollout
from ..learning.training_state import array_of, number_of
from ..memory import allocating, num_weights, require_memory
from ..networks.device import choose_device
from ..plan.budget import rollout_steps
from ..plan.phase_runner import PhaseRunner
from ..plan.plan import pretrain_plan
from ..rollouts.callbacks import report_start
from .adaptive_rate import AdaptiveRate
from .collection import collect
from .gradients import HandGradients
from .policy import AgentPolicy, make_policy
from .settings import PPOSettings
from .update import AutogradGradients, run_update

__all__ = ["PPO"]


class PPO(Learner, stable_baselines3.PPO):
    """Proximal policy optimisation over many worlds (arXiv 1707.06347), by the phases of a transfer plan.

    Callbacks, logger, `predict` and `learn` are those of stable-baselines3 (a callback that calls `save` is
    refused: that would pickle); logs are written after an update,
    so a rollout's figures and those of its update share one step.
    """

    takes_penalties = True
    policy: AgentPolicy
    rollout_buffer: Rollout

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
        self.begin()
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
            device=choose_device(device),
            _init_setup_model=False,
        )
        self.n_steps, self.batch_size = self.settings.num_steps, self.settings.batch_size
        self._setup_model()

    def _setup_model(self) -> None:
        self._setup_lr_schedule()
        self.adaptive = self._fresh_rate()
        self.clip_range = FloatSchedule(self.settings.clip_range)
        self.seed_everything()
        self._require_memory()
        with allocating("the networks and a rollout (num_steps)"):
            self.adopt(self.make_fresh_policy())
        self.return_traces = np.zeros(self.n_envs)  # (num_envs,): discounted return of every world so far
        self.scale_is_old = False  # the unit of values is the source's, and to be measured anew
        self.phases = PhaseRunner(self.policy, pretrain_plan(), self.n_envs)
        self.renew_optimizer()

    def _fresh_rate(self) -> AdaptiveRate | None:
        """Return the rate that a plan begins with, None where it follows a schedule."""
        if self.settings.schedule != "adaptive":
            return None
        return AdaptiveRate(self.settings.learning_rate, self.settings.desired_kl)

    def _require_memory(self) -> None:
        """Raise AgentsError where networks, a rollout or a minibatch cannot fit the machine."""
        if self.device.type != "cpu":
            return  # it has a memory of its own
        settings, obs_dim = self.settings, math.prod(self.observation_space.shape or ())
        action_dim = math.prod(self.action_space.shape or ())
        encoder = settings.encoder_widths(self.observation_space)
        heads = (encoder[-1], *settings.policy_head, action_dim), (encoder[-1], *settings.value_head, 1)
        weights = sum(map(num_weights, (encoder, *heads)))
        samples = settings.num_steps * self.n_envs
        units = sum(encoder) + sum(map(sum, heads))
        require_memory(
            {
                "encoder, policy_head and value_head (their widths)": 16 * weights,  # with gradients and Adam's moments
                "num_steps": 8 * samples * (obs_dim + action_dim + encoder[-1] + 6),  # and once more as a table
                "batch_size": 8 * min(settings.batch_size, samples) * units,
            }
        )

    def make_fresh_policy(self) -> AgentPolicy:
        """Return a policy with the initial weights of this seed, on the learner's device."""
        built_for = self.observation_space, self.action_space, self.lr_schedule, self.settings
        return make_policy(*built_for, self.seeds.weights).to(self.device)

    def adopt(self, policy: AgentPolicy) -> None:
        """Make `policy` the one that acts and learns; rollouts have room for its features."""
        self.policy = policy
        self.rollout_buffer = Rollout(
            self.n_steps,
            self.observation_space,
            self.action_space,
            self.device,
            features_dim=policy.encoder.features_dim,
            generator=self.generator,
            gae_lambda=self.gae_lambda,
            gamma=self.gamma,
            n_envs=self.n_envs,
        )

    def plan_begun(self) -> None:
        """Let the first rollout measure the unit of values anew, where the plan wants that and keeps what it moves."""
        moved = ("value_head.return_scale", "value_head.output")
        self.scale_is_old = self.plan.reset_return_scale and all(self.plan.action(unit) == "keep" for unit in moved)
        self.adaptive = self._fresh_rate()

    @property
    def rate_now(self) -> float:
        """The learning rate of this moment, before any scale of a part."""
        return super().rate_now if self.adaptive is None else self.adaptive.rate

    def keep_exploring(self) -> None:
        """Lower the exploration to the ceiling of this moment, where it trains; a plan's floor lies above it."""
        if self.settings.log_std_end is not None and self.phases.trains("log_std"):
            with torch.no_grad():
                self.policy.log_std.clamp_(max=self.settings.log_std_ceiling(1.0 - self._current_progress_remaining))
        super().keep_exploring()

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        """The one that moves the weights."""
        return [self.policy.optimizer]

    def renew_optimizer(self) -> None:
        """Replace the optimizer by a fresh one over what trains now."""
        self.policy.optimizer = make_optimizer(self.policy, self.phases.rates, self.rate_now)

    def _update_learning_rate(self, optimizers: list[torch.optim.Optimizer] | torch.optim.Optimizer) -> None:
        rate = self.rate_now
        self.logger.record("train/learning_rate", rate)
        for optimizer in optimizers if isinstance(optimizers, list) else [optimizers]:
            set_learning_rate(optimizer, rate)

    def collect_rollouts(self, env: VecEnv, callback: BaseCallback, rollout_buffer: Any, n_rollout_steps: int) -> bool:
        """Fill the buffer with `n_rollout_steps` steps of every world; False if a callback ended it."""
        return collect(self, env, callback, rollout_buffer, n_rollout_steps)

    def train(self) -> None:
        """Update the current phase's parts on the collected rollout, log it, count the phase's steps."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        rollout, rates = self.rollout_buffer, self.phases.rates
        done = 1.0 - self._current_progress_remaining
        trained = trained_parameters(self.policy.optimizer)
        terms = self.active_penalties().bind(trained, done)
        with self.seeded_torch():
            make_gradients = HandGradients if HandGradients.supports(self.policy) else AutogradGradients
            log = run_update(
                self.policy, rollout, self.settings, self.policy.optimizer, rates, terms, make_gradients, self.adaptive
            )
        require_finite(self, {"loss": log.mean_loss}, trained)
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
        self.check_budget(total_timesteps)
        if reset_num_timesteps:
            self.iteration, self.return_traces = 0, np.zeros(self.n_envs)
        total_timesteps, callback = self._setup_learn(
            total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar
        )
        report_start(callback, self, total_timesteps)
        while self.num_timesteps < total_timesteps and not self.phases.finished:
            # Progress as before the rollout: the first update has the full rate, the last one not zero.
            self._update_current_progress_remaining(self.num_timesteps, total_timesteps)
            left = total_timesteps - self.num_timesteps
            num_steps = rollout_steps(self.n_steps, self.n_envs, left, self.phases.steps_left)
            self.keep_exploring()  # before acting: what collects is what the update starts from
            if not self.collect_rollouts(self.env, callback, self.rollout_buffer, num_steps):
                break
            self.iteration += 1
            self.train()
            if log_interval is not None and self.iteration % log_interval == 0:
                self.dump_logs(self.iteration)
        self.phases.verify()
        callback.on_training_end()
        return self

    def get_own_state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Return the traces of returns, whether the unit of values still waits to be measured, an adaptive rate."""
        traces = torch.from_numpy(self.return_traces.copy())
        rate = {} if self.adaptive is None else {"learning_rate": self.adaptive.rate}
        return {"return_traces": traces}, {"scale_is_old": self.scale_is_old, **rate}

    def set_own_state(self, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
        """Continue from what `get_own_state` returned."""
        self.return_traces = array_of(tensors, "return_traces", (self.n_envs,))
        self.scale_is_old = bool(state["scale_is_old"])
        if self.adaptive is not None:
            self.adaptive.rate = number_of(state, "learning_rate")
