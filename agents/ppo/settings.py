"""What can be set on PPO: a frozen value, checked when it is made, defaults beside their meaning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..errors import AgentsError
from ..learning.settings import LearnerSettings
from ..networks.activations import activation_class
from ..networks.encoders.settings import EncoderSettings
from ..networks.rules import is_whole, require, require_widths

__all__ = ["PPOSettings"]

_FREE = 0.3  # share of a run before the ceiling over log_std sinks


@dataclass(frozen=True)
class PPOSettings(LearnerSettings):
    """Settings of PPO (Schulman et al. 2017, arXiv 1707.06347); names follow stable-baselines3."""

    learner = "PPO"
    schedules: ClassVar[tuple[str, ...]] = ("constant", "linear", "adaptive")

    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    encoders: Mapping[str, EncoderSettings] = field(default_factory=dict, hash=False)  # group -> its encoder
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)  # policy, value -> groups
    privileged: tuple[str, ...] = ()  # entries of the group privileged; filled in from the source
    policy_head: tuple[int, ...] = (64, 64)  # hidden widths between features and action mean
    value_head: tuple[int, ...] = (64, 64)  # hidden widths between features and value
    head_activation: str = "tanh"  # of both heads; one of ACTIVATIONS
    shared_encoder: bool = True  # False: the value head has an encoder of its own, part `value_encoder`
    num_steps: int = 64  # steps of every world between two updates
    batch_size: int = 1024  # samples a minibatch; a rollout is cut into equal ones of at most this
    num_epochs: int = 5  # passes over a rollout
    learning_rate: float = 3e-4  # of Adam
    schedule: str = "constant"  # constant | linear (to zero over the steps of the run) | adaptive (see desired_kl)
    desired_kl: float = 0.01  # of schedule `adaptive`: the learning rate follows the KL of every minibatch
    gamma: float = 0.99  # discount a step
    gae_lambda: float = 0.95  # of generalised advantage estimation
    clip_range: float = 0.2  # of the probability ratio
    ent_coef: float = 0.0  # weight of the entropy bonus
    vf_coef: float = 0.5  # weight of the value loss
    bounds_coef: float = 0.0  # weight of the squared distance of mean actions beyond the bounds of the action space
    max_grad_norm: float = 0.5  # the gradient is clipped to this norm
    target_kl: float | None = None  # stop an update once the approximate KL exceeds 1.5 times this
    log_std_init: float = 0.0  # log of the initial exploration noise, in units of the action space
    log_std_end: float | None = None  # a ceiling over log_std that sinks to this, see `log_std_ceiling`; null: none
    cache_features: bool = True  # keep the features of a frozen encoder instead of encoding again

    def __post_init__(self) -> None:
        """Raise AgentsError naming the first value that breaks its rule."""
        self.require_shared()
        for name in ("policy_head", "value_head"):
            object.__setattr__(self, name, require_widths(name, getattr(self, name)))
        activation_class(self.head_activation)
        for name in ("num_steps", "batch_size"):
            require(self, name, "it must be a whole number of at least 1", is_whole)
        rule = "it must be a whole number from 1 to 1,000"
        require(self, "num_epochs", rule, lambda value: is_whole(value) and value <= 1000)
        for name in ("learning_rate", "desired_kl", "clip_range", "max_grad_norm"):
            require(self, name, "it must be above 0", lambda value: value > 0)
        for name in ("gamma", "gae_lambda"):
            require(self, name, "it must lie in [0, 1]", lambda value: 0 <= value <= 1)
        for name in ("ent_coef", "vf_coef", "bounds_coef"):
            require(self, name, "it must be at least 0", lambda value: value >= 0)
        require(self, "log_std_init", "it must be a finite number", lambda value: True)
        if self.log_std_end is not None:
            rule = "it must be a finite number of at most log_std_init, or null for no ceiling"
            require(self, "log_std_end", rule, lambda value: value <= self.log_std_init)
        if self.target_kl is not None:
            require(self, "target_kl", "it must be above 0, or null for no limit", lambda value: value > 0)
        for name in ("shared_encoder", "cache_features"):
            if not isinstance(getattr(self, name), bool):
                raise AgentsError(f"{name} is {getattr(self, name)!r}: it must be true or false")

    def log_std_ceiling(self, done: float) -> float:
        """Return the ceiling over log_std after the share `done` of a run, infinite where there is none.

        It stays at log_std_init for the first 30 % of the run, so that exploration is free, and then sinks linearly to
        log_std_end: the policy that draws its actions becomes the mean action, which is what is evaluated.
        """
        if self.log_std_end is None:
            return math.inf
        sunk = max(0.0, done - _FREE) / (1.0 - _FREE)
        return self.log_std_init + (self.log_std_end - self.log_std_init) * sunk

    def shared_with_sb3(self) -> dict[str, Any]:
        """Return the settings that stable-baselines3's PPO takes as they are, under its names."""
        names = ("gamma", "gae_lambda", "clip_range", "ent_coef", "vf_coef", "max_grad_norm", "target_kl")
        return {"n_epochs": self.num_epochs, **{name: getattr(self, name) for name in names}}
