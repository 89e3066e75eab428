"""What agents read beside the robot's own sensors, and teachers: source agents that read the group `privileged`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents import ENCODERS
from envs import privileged_names

from ..config.config import RunConfig
from ..errors import UserError
from .run import RunDirectory

__all__ = ["groups_read", "is_teacher", "require_teacher", "teacher_config", "with_privileged"]

POLICY = "policy"
PRIVILEGED = "privileged"
_KIND = "rma"  # the kind of encoder that has one


def _kind(settings: Mapping[str, Any]) -> str:
    """Return the kind of encoder that a learner's settings name."""
    return str(settings.get("encoder", {}).get("kind", "mlp"))


def is_teacher(config: RunConfig) -> bool:
    """Return whether agents pretrained by `config` read `privileged` through a teacher's encoder."""
    return _kind(config.agent.settings) == _KIND


def teacher_config(config: RunConfig) -> RunConfig:
    """Return `config` with a teacher for its agent; what else is set of an encoder stays if a teacher's has it."""
    if is_teacher(config):
        return config
    agent = config.agent.model_copy(update={"settings": _with_teacher(config.agent.settings)})
    transfer = config.transfer
    if "encoder" in transfer.settings:
        transfer = transfer.model_copy(update={"settings": _with_teacher(transfer.settings)})
    return config.model_copy(update={"agent": agent, "transfer": transfer})


def _with_teacher(settings: Mapping[str, Any]) -> dict[str, Any]:
    given = settings.get("encoder", {})
    encoder = {name: value for name, value in given.items() if name in ENCODERS[_KIND].reads}
    return {**settings, "encoder": {"kind": _KIND, **encoder}}


def groups_read(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the observation groups that a learner with these settings reads."""
    encoders = settings.get("encoders")
    if isinstance(encoders, Mapping) and encoders:
        return tuple(encoders)
    return (POLICY, PRIVILEGED) if _kind(settings) == _KIND else (POLICY,)


def with_privileged(config: RunConfig, settings: dict[str, Any]) -> dict[str, Any]:
    """Return a learner's settings with the entries of the group `privileged` as the source has them, if it reads it.

    They are the task's own, then all that is random in the source domain; on the target, too, which does not show it.

    Raises:
        UserError: when the agent reads it and there is nothing in it.
    """
    if PRIVILEGED not in groups_read(settings) or settings.get(PRIVILEGED):
        return settings
    task = config.make_task()
    names = privileged_names(task, config.source_domain(task).random_names)
    if not names:
        raise UserError(
            f"agent.settings: reads the group {PRIVILEGED!r}, which is what is random in the source's worlds, and "
            "source.parameters has nothing random; give one a distribution, e.g. body_mass: {scale: {uniform: "
            "[0.8, 1.2]}}"
        )
    return {**settings, PRIVILEGED: list(names)}


def require_teacher(source: RunDirectory, config: RunConfig, method: str) -> None:
    """Check that the agent in `source` is a teacher, and that of `config` is made to read the same.

    Raises:
        UserError: saying how to pretrain one, or what differs.
    """
    hint = f"pretrain one by a configuration with agent.settings.encoder.kind: {_KIND}"
    held = source.config()
    for where, settings in ((str(source.path), held.agent.settings), ("the configuration", config.transfer_settings())):
        if _kind(settings) != _KIND:
            raise UserError(
                f"method {method}: learns from a teacher, an agent whose encoder is of kind {_KIND!r}; that of {where} "
                f"is of kind {_kind(settings)!r}; {hint}"
            )
    shown, wanted = (
        with_privileged(owner, settings)[PRIVILEGED]
        for owner, settings in ((held, held.agent.settings), (config, config.transfer_settings()))
    )
    if list(shown) != list(wanted):
        raise UserError(
            f"method {method}: the teacher in {source.path} reads {', '.join(shown)}; random in the configuration's "
            f"source domain are {', '.join(wanted)}; both must be the same"
        )
