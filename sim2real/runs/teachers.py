"""Teachers: source agents that are told the parameters of their worlds, for methods that learn from one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents import ENCODERS

from ..config.config import RunConfig
from ..errors import UserError
from .run import RunDirectory

__all__ = ["is_teacher", "require_teacher", "teacher_config", "with_parameters"]

_KIND = "rma"  # the kind of encoder that has one


def _kind(settings: Mapping[str, Any]) -> str:
    """Return the kind of encoder that a learner's settings name."""
    return str(settings.get("encoder", {}).get("kind", "mlp"))


def is_teacher(config: RunConfig) -> bool:
    """Tell whether agents pretrained by `config` are told the parameters of their worlds."""
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


def with_parameters(config: RunConfig, settings: dict[str, Any]) -> dict[str, Any]:
    """Return a learner's settings with the names of what its encoder is told: all that is random in the source domain.

    They are those of the source on the target, too, where the encoder has room for them and is told nothing.

    Raises:
        UserError: when the encoder is to be told something and all worlds of the source are the same.
    """
    encoder = settings.get("encoder", {})
    if _kind(settings) != _KIND or encoder.get("parameters"):
        return settings
    names = config.source_domain(config.make_task()).random_names
    if not names:
        raise UserError(
            f"agent.settings.encoder.kind: {_KIND!r} is told what is random in the source's worlds, and source."
            "parameters has nothing random; give one a distribution, e.g. body_mass: {scale: {uniform: [0.8, 1.2]}}"
        )
    return {**settings, "encoder": {**encoder, "parameters": list(names)}}


def require_teacher(source: RunDirectory, config: RunConfig, method: str) -> None:
    """Check that the agent in `source` is a teacher, and that of `config` is made to be told the same.

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
    told, wanted = (
        with_parameters(owner, settings)["encoder"]["parameters"]
        for owner, settings in ((held, held.agent.settings), (config, config.transfer_settings()))
    )
    if list(told) != list(wanted):
        raise UserError(
            f"method {method}: the teacher in {source.path} is told {', '.join(told)}; random in the configuration's "
            f"source domain are {', '.join(wanted)}; both must be the same"
        )
