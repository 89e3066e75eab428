"""Agents from configurations and checkpoints."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch

from agents import Bundle, Learner, TransferPlan, acting_tensors, available_devices, make_agent, parts
from envs import Domain, DomainVectorEnv, make_vec

from ..config.config import AgentConfig, RunConfig, config_digest
from ..config.seeding import derive_seed
from ..config.spaces import Spaces, require_same_spaces
from ..errors import UserError
from ..methods import METHODS
from ..versions import collect_versions
from .run import RunDirectory
from .teachers import PRIVILEGED, groups_read, with_privileged

__all__ = ["build_agent", "build_worlds", "describe_origin", "load_agent", "target_learner"]

_logger = logging.getLogger(__name__)


def build_worlds(
    config: RunConfig,
    domain: Domain,
    settings: Mapping[str, Any],
    *,
    num_envs: int,
    role: str,
    num_threads: int,
    privileged: bool = False,
) -> DomainVectorEnv:
    """Build training worlds that show what a learner with these `settings` reads, `privileged` only if that is so.

    `role` (source or target) names their branch of the seed tree.
    """
    if privileged:
        settings = with_privileged(config, dict(settings))  # says what is missing where nothing is random
    groups = [name for name in groups_read(settings) if privileged or name != PRIVILEGED]
    return make_vec(
        config.env_import,
        num_envs=num_envs,
        domain=domain,
        seed=derive_seed(config.seed, role, "worlds"),
        num_threads=num_threads,
        task_options=config.task,
        groups=groups,
    )


def build_agent(
    config: RunConfig, worlds: DomainVectorEnv, settings: dict[str, Any], *, role: str, device: str | None = None
) -> Learner:
    """Build a fresh learner on `worlds`, on `device` or the configured one.

    One torch thread: for small nets the fastest, and the same sums everywhere.

    Raises:
        UserError: when the device is not there, or the agent reads `privileged` and nothing is random.
    """
    torch.set_num_threads(1)
    device = device or config.device
    if device not in available_devices():
        valid = ", ".join(available_devices())
        raise UserError(f"device: {device!r} is not available here; valid: {valid}; choose another one by --device")
    return make_agent(
        config.agent.algorithm,
        worlds,
        settings=config.with_code(with_privileged(config, settings)),
        seed=derive_seed(config.seed, role, "agent"),
        device=device,
    )


def target_learner(config: RunConfig, method: str) -> AgentConfig:
    """Return the learner on the target: the one configured for it, and over its settings what the method demands.

    A method that spends the source's budget there learns as the source agent does: those settings are for so many
    steps, and a yardstick trained with those of a tenth would be shorter than the target allows. Actions at random on
    the target there are none, however the source agent began, unless `transfer.settings` asks for them.
    """
    row, algorithm = METHODS[method], config.agent.algorithm
    if row.budget == "source":
        num_envs, settings = config.agent.num_envs, dict(config.agent.settings)
    else:
        num_envs, settings = config.transfer.num_envs, config.transfer_settings()
    if "random_start" in settings:
        settings["random_start"] = config.transfer.settings.get("random_start", 0)
    return AgentConfig(algorithm=algorithm, num_envs=num_envs, settings={**settings, **row.settings})


def describe_origin(
    config: RunConfig, identity: Mapping[str, Any], worlds: DomainVectorEnv, agent: Learner
) -> dict[str, Any]:
    """Return what every checkpoint of a run says of where it comes from."""
    return {
        **identity,
        "env": config.env,
        "seed": config.seed,
        "config": config_digest(config),
        "plan": agent.plan.to_json(),
        "spaces": Spaces.of_worlds(worlds).to_json(),
        "device": agent.device.type,
        "versions": collect_versions(),
    }


def load_agent(run: RunDirectory, config: RunConfig, device: str | None = None) -> tuple[Learner, Bundle]:
    """Return the agent of a run's newest checkpoint, on a single nominal world, and the checkpoint.

    It acts on `device`; by default on the configured one, or on the CPU, with a notice, where that is not available.

    Raises:
        UserError: when there is no checkpoint, its spaces do not fit the configuration, or `device` is not available.
        CheckpointError: when the checkpoint is damaged.
    """
    bundle = run.final()
    if device is None and config.device not in available_devices():
        device = "cpu"
        _logger.warning("%s: its device %r is not available here; it acts on the CPU", run.path, config.device)
    manifest = run.manifest()
    transferred = manifest.get("kind") == "transfer"
    learner = target_learner(config, manifest["method"]) if transferred else config.agent
    worlds = build_worlds(config, Domain(), learner.settings, num_envs=1, role="probe", num_threads=1)
    require_same_spaces(bundle, worlds, str(run.path))
    agent = build_agent(config, worlds, learner.settings, role="probe", device=device)
    if (surgery := TransferPlan.from_json(bundle.meta.get("plan", {})).surgery) is not None:
        agent.operate(surgery)
    parts.load(agent.policy, acting_tensors(bundle.weights))
    return agent, bundle
