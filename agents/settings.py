"""What can be set on a learner: a frozen value, checked when it is made, defaults beside their meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from .activations import activation_class
from .encoders import encoder_class
from .errors import AgentsError, is_number, number_hint, unknown_name

__all__ = ["EncoderSettings", "PPOSettings"]


def _check(owner: object, name: str, rule: str, holds: Callable[[Any], bool]) -> None:
    """Raise AgentsError unless the number `name` of `owner` keeps the rule."""
    value = getattr(owner, name)
    if not is_number(value) and holds is not _whole:
        raise AgentsError(f"{name} is {value!r}: it must be a finite number{number_hint(value)}")
    if not holds(value):
        raise AgentsError(f"{name} is {value!r}: {rule}")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Raise AgentsError unless `value` is one of `choices`."""
    if value not in choices:
        raise AgentsError(unknown_name(name, value, choices))


def _widths(name: str, value: Any) -> tuple[int, ...]:
    """Return layer widths as a tuple; AgentsError unless they are whole numbers of at least 1."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(_whole(width) for width in value):
        raise AgentsError(f"{name} is {value!r}: it must be a list of layer widths, each a whole number of at least 1")
    return tuple(value)


def _known(cls: type[Any], mapping: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return `mapping` as a dict; AgentsError if it is none or a key is no field of `cls`."""
    names = [entry.name for entry in fields(cls)]
    if not isinstance(mapping, Mapping):
        raise AgentsError(f"{kind}s are {mapping!r}: expected a mapping with keys of {', '.join(names)}")
    for key in mapping:
        if key not in names:
            raise AgentsError(unknown_name(kind, key, names))
    return dict(mapping)


@dataclass(frozen=True)
class EncoderSettings:
    """What the encoder is made of; without widths it is the normaliser alone."""

    kind: str = "mlp"  # one of ENCODERS
    widths: tuple[int, ...] = (64,)
    layer_norm: bool = True
    activation: str = "elu"  # one of ACTIVATIONS

    def __post_init__(self) -> None:
        """Raise AgentsError on an unknown kind or activation, or an impossible width."""
        encoder_class(self.kind)
        activation_class(self.activation)
        object.__setattr__(self, "widths", _widths("encoder.widths", self.widths))
        if not isinstance(self.layer_norm, bool):
            raise AgentsError(f"encoder.layer_norm is {self.layer_norm!r}: it must be true or false")


@dataclass(frozen=True)
class PPOSettings:
    """Settings of PPO (Schulman et al. 2017, arXiv 1707.06347); names follow stable-baselines3."""

    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    policy_head: tuple[int, ...] = (64, 64)  # hidden widths between features and action mean
    value_head: tuple[int, ...] = (64, 64)  # hidden widths between features and value
    head_activation: str = "tanh"  # of both heads; one of ACTIVATIONS
    shared_encoder: bool = True  # False: the value head has an encoder of its own, part `value_encoder`
    num_steps: int = 64  # steps of every world between two updates
    batch_size: int = 1024  # samples a minibatch; a rollout is cut into equal ones of at most this
    num_epochs: int = 5  # passes over a rollout
    learning_rate: float = 3e-4
    schedule: str = "constant"  # constant | linear (to zero over the steps of the run)
    gamma: float = 0.99
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    ent_coef: float = 0.0
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5
    target_kl: float | None = None  # stop an update once the approximate KL exceeds 1.5 times this
    log_std_init: float = 0.0  # standard deviation 1 in units of the action space
    cache_features: bool = True  # keep the features of a frozen encoder instead of encoding again

    def __post_init__(self) -> None:
        """Raise AgentsError naming the first value that breaks its rule."""
        for name in ("policy_head", "value_head"):
            object.__setattr__(self, name, _widths(name, getattr(self, name)))
        activation_class(self.head_activation)
        _choice("schedule", self.schedule, ("constant", "linear"))
        for name in ("num_steps", "batch_size", "num_epochs"):
            _check(self, name, "it must be a whole number of at least 1", _whole)
        for name in ("learning_rate", "clip_range", "max_grad_norm"):
            _check(self, name, "it must be above 0", lambda value: value > 0)
        for name in ("gamma", "gae_lambda"):
            _check(self, name, "it must lie in [0, 1]", lambda value: 0 <= value <= 1)
        for name in ("ent_coef", "vf_coef"):
            _check(self, name, "it must be at least 0", lambda value: value >= 0)
        _check(self, "log_std_init", "it must be a finite number", lambda value: True)
        if self.target_kl is not None:
            _check(self, "target_kl", "it must be above 0, or null for no limit", lambda value: value > 0)
        for name in ("shared_encoder", "cache_features"):
            if not isinstance(getattr(self, name), bool):
                raise AgentsError(f"{name} is {getattr(self, name)!r}: it must be true or false")

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Build from plain data (a parsed YAML file); AgentsError with the valid names on an unknown key."""
        values = _known(cls, mapping, "PPO setting")
        encoder = values.get("encoder", {})
        if isinstance(encoder, Mapping):
            values["encoder"] = EncoderSettings(**_known(EncoderSettings, encoder, "encoder setting"))
        elif not isinstance(encoder, EncoderSettings):
            raise AgentsError(f"encoder is {encoder!r}: it must be a mapping with kind, widths, layer_norm, activation")
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """Return plain data (lists, numbers, strings) that `from_mapping` reads back as an equal value."""
        plain = asdict(self)
        plain["encoder"]["widths"] = list(self.encoder.widths)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}

    def shared_with_sb3(self) -> dict[str, Any]:
        """Return the settings that stable-baselines3's PPO takes as they are, under its names."""
        names = ("gamma", "gae_lambda", "clip_range", "ent_coef", "vf_coef", "max_grad_norm", "target_kl")
        return {"n_epochs": self.num_epochs, **{name: getattr(self, name) for name in names}}
