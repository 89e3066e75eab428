"""What can be set on SAC: a frozen value, checked when it is made, defaults beside their meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import AgentsError, is_number
from ..learning.settings import LearnerSettings
from ..networks.activations import activation_class
from ..networks.encoders.settings import EncoderSettings
from ..networks.rules import is_whole, require, require_widths

__all__ = ["SACSettings"]


@dataclass(frozen=True)
class SACSettings(LearnerSettings):
    """Settings of SAC (Haarnoja et al. 2018, arXiv 1812.05905); names follow stable-baselines3."""

    learner = "SAC"

    encoder: EncoderSettings = field(default_factory=lambda: EncoderSettings(widths=()))
    encoders: Mapping[str, EncoderSettings] = field(default_factory=dict, hash=False)  # group -> its encoder
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)  # policy, value -> groups
    privileged: tuple[str, ...] = ()  # entries of the group privileged; filled in from the source
    policy_head: tuple[int, ...] = (256, 256)  # hidden widths between features and the action's distribution
    critic_head: tuple[int, ...] = (256, 256)  # hidden widths between features with action, and value
    head_activation: str = "relu"  # of both heads; one of ACTIVATIONS
    critic_layer_norm: bool = True  # bounds what critics say of actions never tried (RLPD, arXiv 2302.02948)
    num_critics: int = 2  # size of the ensemble
    num_subset: int = 2  # critics drawn for a target, the smallest counts (REDQ, arXiv 2101.05982)
    buffer_size: int = 1_000_000  # transitions, rounded down to whole steps of all worlds
    batch_size: int = 256  # transitions an update
    num_steps: int = 1  # steps of every world between two stretches of updates
    gradient_steps: float = 1.0  # updates per transition: 64 worlds and 0.25 are 16 updates a step of all worlds
    learning_starts: int = 1000  # transitions in the replay before the first update
    random_start: int = 0  # first steps of a policy without any source that are uniformly random
    learning_rate: float = 3e-4  # of Adam, for all networks
    schedule: str = "constant"  # constant | linear (to zero over the steps of the run)
    gamma: float = 0.99  # discount a step
    tau: float = 0.005  # how much of the new weights a target network takes up an update
    policy_delay: int = 1  # updates of the critics per update of policy and temperature
    temperature_init: float = 1.0  # weight of the entropy at the start
    target_entropy: float | None = None  # nats; null: minus the number of action entries
    max_grad_norm: float | None = None  # of the critics' and of the policy's gradient; null: no limit
    cache_features: bool = True  # keep the features of a frozen encoder instead of encoding again

    def __post_init__(self) -> None:
        """Raise AgentsError naming the first value that breaks its rule."""
        self.require_shared()
        for name in ("policy_head", "critic_head"):
            object.__setattr__(self, name, require_widths(name, getattr(self, name)))
        activation_class(self.head_activation)
        for name in ("num_critics", "num_subset", "buffer_size", "batch_size", "num_steps", "policy_delay"):
            require(self, name, "it must be a whole number of at least 1", is_whole)
        for name in ("learning_starts", "random_start"):
            require(self, name, "it must be a whole number of at least 0", lambda value: value == 0 or is_whole(value))
        for name in ("learning_rate", "temperature_init"):
            require(self, name, "it must be above 0", lambda value: value > 0)
        require(self, "gradient_steps", "it must be above 0 and at most 1,000", lambda value: 0 < value <= 1000)
        require(self, "gamma", "it must lie in [0, 1]", lambda value: 0 <= value <= 1)
        require(self, "tau", "it must lie in (0, 1]", lambda value: 0 < value <= 1)
        if self.max_grad_norm is not None:
            require(self, "max_grad_norm", "it must be above 0, or null for no limit", lambda value: value > 0)
        if self.target_entropy is not None and not is_number(self.target_entropy):
            raise AgentsError(f"target_entropy is {self.target_entropy!r}: it must be a finite number, or null")
        for name in ("critic_layer_norm", "cache_features"):
            if not isinstance(getattr(self, name), bool):
                raise AgentsError(f"{name} is {getattr(self, name)!r}: it must be true or false")
        self._check_sizes()

    def _check_sizes(self) -> None:
        """Raise AgentsError where one number does not fit another."""
        heads = self.head_groups()
        if lacking := [group for group in heads["policy"] if group not in heads["value"]]:
            raise AgentsError(
                f"reads.value must have {lacking[0]!r} as reads.policy has: SAC trains encoders by the critics' loss"
            )
        if self.num_subset > self.num_critics:
            raise AgentsError(
                f"num_subset is {self.num_subset}: of num_critics = {self.num_critics} at most as many can be drawn"
            )
        if self.learning_starts > self.buffer_size:
            raise AgentsError(
                f"learning_starts is {self.learning_starts}: a buffer_size of {self.buffer_size} has no room"
            )
