"""What learns: encoders with their statistics, PPO over many worlds, named parts, freezing, plans, bundles.

Knows torch, stable-baselines3 and gymnasium, and nothing of the environments it is used on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from . import parts
from .activations import ACTIVATIONS
from .checkpoint import Bundle, bundle_digest, load_bundle, save_bundle, verify
from .encoders import ENCODERS, Encoder
from .errors import AgentsError, CheckpointError, FrozenError, PartsError, PlanError
from .freezing import digest, freeze, is_frozen, unfreeze
from .lookup import look_up
from .normalizer import RunningNormalizer
from .parts import PARTS
from .phases import ExplainedVariance, Phase, PlanRow, TransferPlan, pretrain_plan
from .policy import AgentPolicy
from .ppo import PPO
from .settings import EncoderSettings, PPOSettings
from .value_scale import ReturnScale
from .vec_adapter import VectorAdapter

__all__ = [
    "ACTIVATIONS",
    "AGENTS",
    "ENCODERS",
    "PARTS",
    "PPO",
    "AgentPolicy",
    "AgentRow",
    "AgentsError",
    "Bundle",
    "CheckpointError",
    "Encoder",
    "EncoderSettings",
    "ExplainedVariance",
    "FrozenError",
    "PPOSettings",
    "PartsError",
    "Phase",
    "PlanError",
    "PlanRow",
    "ReturnScale",
    "RunningNormalizer",
    "TransferPlan",
    "VectorAdapter",
    "bundle_digest",
    "check_settings",
    "digest",
    "freeze",
    "is_frozen",
    "load_bundle",
    "make_agent",
    "parts",
    "pretrain_plan",
    "save_bundle",
    "unfreeze",
    "verify",
]


class AgentRow(NamedTuple):
    """One row of AGENTS: the learner's class, its settings, and one line on what it is."""

    cls: type[PPO]
    settings: type[PPOSettings]
    description: str


AGENTS: dict[str, AgentRow] = {
    "ppo": AgentRow(PPO, PPOSettings, "proximal policy optimisation, on-policy, arrays of many worlds"),
}


def make_agent(
    name: str,
    env: Any,
    *,
    settings: Mapping[str, Any] | PPOSettings | None = None,
    seed: int,
    device: torch.device | str = "auto",
) -> PPO:
    """Build the learner called `name` for `env` (a gymnasium VectorEnv, or what stable-baselines3 accepts).

    `settings` is plain data or the row's settings class. Raises AgentsError with the valid names on an
    unknown one.
    """
    return look_up("agent", name, AGENTS).cls(env, settings, seed=seed, device=device)


def check_settings(name: str, settings: Mapping[str, Any]) -> None:
    """Check plain settings of the learner called `name`; AgentsError as in `make_agent`."""
    look_up("agent", name, AGENTS).settings.from_mapping(settings)
