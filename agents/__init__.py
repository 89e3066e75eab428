"""What learns: encoders with their statistics, PPO and SAC over many worlds, named parts, freezing, plans, bundles.

Knows torch, stable-baselines3 and gymnasium, and nothing of the environments it is used on.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # imported when they are first used, see `__getattr__`: most of it takes torch
    from .algorithms import AGENTS, AgentRow, check_settings, make_agent
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

_NAMES = {  # module -> what it gives
    "algorithms": "AGENTS AgentRow check_settings make_agent",
    "errors": "AgentsError CheckpointError DivergedError FrozenError PartsError PlanError",
    "learning.adaptation": "AdaptationLog",
    "learning.checkpoint": "Bundle bundle_digest load_bundle save_bundle verify",
    "learning.finite": "require_finite_learner",
    "learning.learner": "Learner TrainingState",
    "memory": "allocating",
    "networks.activations": "ACTIVATIONS",
    "networks.device": "available_devices",
    "networks.encoders": "ENCODERS Encoder",
    "networks.encoders.settings": "EncoderSettings",
    "networks.freezing": "digest freeze is_frozen unfreeze",
    "networks.normalizer": "RunningNormalizer",
    "networks.value_scale": "ReturnScale",
    "plan.adaptation": "Adaptation",
    "plan.exploration": "Exploration",
    "plan.phase": "ExplainedVariance Phase",
    "plan.plan": "PlanRow TransferPlan pretrain_plan",
    "plan.regularisers": "Regulariser",
    "plan.source_data": "SourceData",
    "plan.surgery": "SURGERIES Surgery operate require_whole",
    "policy": "parts",
    "policy.actor": "PolicyActor",
    "policy.entry_axes": "ActingPolicy ReadsEntries entry_axes",
    "policy.entry_map": "EntryMap",
    "policy.patterns": "PARTS best_pattern",
    "policy.policy_average": "PolicyAverage acting_tensors",
    "policy.space_map": "carry_entries",
    "ppo": "PPO AgentPolicy PPOSettings",
    "rollouts.vec_adapter": "VectorAdapter",
    "sac": "SAC SacPolicy SACSettings",
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f".{_MODULES[name]}", __name__)
    value = getattr(module, name) if hasattr(module, name) else import_module(f".{name}", module.__name__)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
