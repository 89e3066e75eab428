"""SAC as a subclass of stable-baselines3's: arrays instead of loops, plans of phases, exact continuation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import gymnasium as gym
import stable_baselines3
import torch
from gymnasium.vector import VectorEnv
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv

from ..learning.finite import require_finite
from ..learning.optimizer import make_optimizer, set_learning_rate
from ..memory import allocating, num_weights, require_memory
from ..networks.device import choose_device
from ..networks.freezing import is_frozen
from ..off_policy.learner import OffPolicyLearner
from ..plan.phase_runner import PhaseRunner
from ..plan.plan import TransferPlan, pretrain_plan
from ..policy.parts import count
from .batches import iterate_batches
from .judging import judge_critics
from .policy import SacPolicy, make_policy
from .settings import SACSettings
from .update import Optimizers, Updater

__all__ = ["SAC"]

_EPS = 1e-8  # of Adam, stable-baselines3's value for SAC
_ENCODER, _SLOW = "encoder.", "encoder_target."  # prefixes of tensor names


class SAC(OffPolicyLearner, stable_baselines3.SAC):
    """Soft actor-critic over many worlds (arXiv 1812.05905), by the phases of a transfer plan.

    Callbacks, logger, `predict` and `learn` are those of stable-baselines3 (a callback that calls `save` is
    refused: that would pickle). Actions are the policy's own from the first step on, unless there is no source and
    `random_start` asks for others.
    """

    takes_penalties = takes_average = True
    policy: SacPolicy  # type: ignore[assignment] # stable-baselines3 only asks it to predict

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
        entropy = self.settings.target_entropy
        self.target_entropy = -float(self.policy.action_space.shape[0]) if entropy is None else entropy
        self.make_experience()
        self.phases = PhaseRunner(self.policy, pretrain_plan(), self.n_envs)
        self.renew_optimizer()

    def _require_memory(self) -> None:
        """Raise AgentsError where networks, the replay or a minibatch cannot fit the machine."""
        if self.device.type != "cpu":
            return  # it has a memory of its own
        settings, obs_dim = self.settings, math.prod(self.observation_space.shape or ())
        action_dim = math.prod(self.action_space.shape or ())
        encoder = settings.encoder_widths(self.observation_space)
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
        if source_tensors is not None:
            own = {name: tensor for name, tensor in source_tensors.items() if not name.startswith(_SLOW)}
            slow = {_SLOW + name.removeprefix(_ENCODER): own[name] for name in own if name.startswith(_ENCODER)}
            source_tensors = {**own, **slow}
        return super().apply_plan(plan, source_tensors, *args, **kwargs)

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

    def _make_optimizer(self, *names: str) -> torch.optim.Optimizer | None:
        """Return a fresh optimizer over what trains of some parts, None if nothing does."""
        rates = {unit: rate for unit, rate in self.phases.rates.items() if unit.split(".")[0] in names}
        if not rates or not count(self.policy, *rates):
            return None
        return make_optimizer(self.policy, rates, self.rate_now, eps=_EPS)

    def train(self, gradient_steps: int) -> None:  # type: ignore[override] # see OffPolicyLearner
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
        with self.seeded_torch():
            log = self._updater.run(batches, self._n_updates, self.active_penalties(), done)
        require_finite(self, log)  # weights that are not finite give losses that are not, at the next update
        self._n_updates += gradient_steps
        for name, value in log.items():
            self.logger.record(f"train/{name}", value)
        self.logger.record("train/learning_rate", self.rate_now)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def judge_values(self, num_steps: int) -> float:
        """Return the explained variance of the critics on the last `num_steps` steps; see `judge_critics`."""
        return judge_critics(self.policy, self.replay, self.settings.gamma, self.generator, num_steps)

    def end_steps(self, num_steps: int) -> bool:
        """Count steps in the phase; the encoder's target restarts at an encoder that begins to train."""
        was_frozen = is_frozen(self.policy.encoder)
        ended = super().end_steps(num_steps)
        if ended and was_frozen and self.phases.trains("encoder"):
            self.policy.restart_encoder_target()
        return ended
