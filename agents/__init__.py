"""What learns: encoders with their statistics, PPO and SAC over many worlds, named parts, freezing, plans, bundles.

Knows torch, stable-baselines3 and gymnasium, and nothing of the environments it is used on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from .errors import AgentsError, CheckpointError, DivergedError, FrozenError, PartsError, PlanError
from .learning.adaptation import AdaptationLog
from .learning.checkpoint import Bundle, bundle_digest, load_bundle, save_bundle, verify
from .learning.finite import require_finite_learner
from .learning.learner import Learner, TrainingState
from .memory import allocating
from .networks.activations import ACTIVATIONS
from .networks.device import available_devices
from .networks.encoders import ENCODERS, Encoder
from .networks.encoders.settings import EncoderSettings
from .networks.freezing import digest, freeze, is_frozen, unfreeze
from .networks.lookup import look_up
from .networks.normalizer import RunningNormalizer
from .networks.value_scale import ReturnScale
from .plan.adaptation import Adaptation
from .plan.exploration import Exploration
from .plan.phase import ExplainedVariance, Phase
from .plan.plan import PlanRow, TransferPlan, pretrain_plan
from .plan.regularisers import Regulariser
from .plan.source_data import SourceData
from .plan.surgery import SURGERIES, Surgery, operate, require_whole
from .policy import parts
from .policy.actor import PolicyActor
from .policy.entry_axes import ActingPolicy, ReadsEntries, entry_axes
from .policy.entry_map import EntryMap
from .policy.patterns import PARTS, best_pattern
from .policy.policy_average import PolicyAverage, acting_tensors
from .policy.space_map import carry_entries
from .ppo import PPO, AgentPolicy, PPOSettings
from .rollouts.vec_adapter import VectorAdapter
from .sac import SAC, SacPolicy, SACSettings

__all__ = [
    "ACTIVATIONS",
    "AGENTS",
    "ENCODERS",
    "PARTS",
    "PPO",
    "SAC",
    "SURGERIES",
    "ActingPolicy",
    "Adaptation",
    "AdaptationLog",
    "AgentPolicy",
    "AgentRow",
    "AgentsError",
    "Bundle",
    "CheckpointError",
    "DivergedError",
    "Encoder",
    "EncoderSettings",
    "EntryMap",
    "ExplainedVariance",
    "Exploration",
    "FrozenError",
    "Learner",
    "PPOSettings",
    "PartsError",
    "Phase",
    "PlanError",
    "PlanRow",
    "PolicyActor",
    "PolicyAverage",
    "ReadsEntries",
    "Regulariser",
    "ReturnScale",
    "RunningNormalizer",
    "SACSettings",
    "SacPolicy",
    "SourceData",
    "Surgery",
    "TrainingState",
    "TransferPlan",
    "VectorAdapter",
    "acting_tensors",
    "allocating",
    "available_devices",
    "best_pattern",
    "bundle_digest",
    "carry_entries",
    "check_settings",
    "digest",
    "entry_axes",
    "freeze",
    "is_frozen",
    "load_bundle",
    "make_agent",
    "operate",
    "parts",
    "pretrain_plan",
    "require_finite_learner",
    "require_whole",
    "save_bundle",
    "unfreeze",
    "verify",
]


class AgentRow(NamedTuple):
    """One row of AGENTS: the learner's class, its settings, and one line on what it is."""

    cls: type[Any]  # a Learner
    settings: type[Any]
    description: str


AGENTS: dict[str, AgentRow] = {
    "ppo": AgentRow(PPO, PPOSettings, "proximal policy optimisation, on-policy, arrays of many worlds"),
    "sac": AgentRow(SAC, SACSettings, "soft actor-critic, off-policy, an ensemble of critics, a replay of many worlds"),
}


def make_agent(
    name: str,
    env: Any,
    *,
    settings: Any = None,
    seed: int,
    device: torch.device | str = "auto",
) -> Learner:
    """Build the learner called `name` for `env` (a gymnasium VectorEnv, or what stable-baselines3 accepts).

    `settings` is plain data or the row's settings class. Raises AgentsError with the valid names on an
    unknown one.
    """
    learner: Learner = look_up("agent", name, AGENTS).cls(env, settings, seed=seed, device=device)
    return learner


def check_settings(name: str, settings: Mapping[str, Any]) -> int:
    """Check plain settings of the learner called `name`; AgentsError as in `make_agent`.

    Returns how many steps it takes before its first update, where the settings say so; else 0.
    """
    return int(getattr(look_up("agent", name, AGENTS).settings.from_mapping(settings), "learning_starts", 0))
