"""Named parts of a policy: what a plan keeps, resets, freezes, trains, and what checkpoints name tensors by.

Every parameter and buffer of a policy belongs to exactly one part. Tensors are named `<part>.<...>`, for
example `encoder.layers.0.weight`, so a checkpoint can be read without the class that wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import torch
from torch import nn

from . import freezing
from .errors import FrozenError, PartsError, unknown_name
from .policy import AgentPolicy

__all__ = [
    "PARTS",
    "PartRow",
    "count",
    "digests",
    "freeze_part",
    "load",
    "parameters",
    "part_names",
    "references",
    "tensors",
    "unfreeze_part",
]

Member = nn.Module | nn.Parameter


class PartRow(NamedTuple):
    """One row of PARTS: how to find a part's members, prefix -> module or parameter, {} if none."""

    members: Callable[[AgentPolicy], dict[str, Member]]
    description: str


def _value_encoder(policy: AgentPolicy) -> dict[str, Member]:
    shared = policy.value_encoder is policy.encoder
    return {} if shared else {"value_encoder": policy.value_encoder}


def _policy_head(policy: AgentPolicy) -> dict[str, Member]:
    return {"policy_head.hidden": policy.mlp_extractor.policy_net, "policy_head.output": policy.action_net}


def _value_head(policy: AgentPolicy) -> dict[str, Member]:
    hidden, output = policy.mlp_extractor.value_net, policy.value_net
    return {
        "value_head.hidden": hidden,
        "value_head.output": output,
        "value_head.return_scale": policy.return_scale,
    }


PARTS: dict[str, PartRow] = {
    "encoder": PartRow(lambda policy: {"encoder": policy.encoder}, "observation statistics and feature layers"),
    "value_encoder": PartRow(_value_encoder, "the value head's own encoder, where it is not shared"),
    "policy_head": PartRow(_policy_head, "features to the mean action"),
    "value_head": PartRow(_value_head, "features to the value, and the unit of that value"),
    "log_std": PartRow(
        lambda policy: {"log_std.value": policy.log_std}, "log of the exploration noise, an action entry"
    ),
}


def part_names(policy: AgentPolicy) -> tuple[str, ...]:
    """Return the parts this policy has, in the order of PARTS."""
    return tuple(name for name, row in PARTS.items() if row.members(policy))


def _members(policy: AgentPolicy, part: str) -> dict[str, Member]:
    """Return a part's members by name prefix; PartsError if this policy has no such part."""
    if part not in part_names(policy):
        raise PartsError(unknown_name("part", part, part_names(policy)))
    return PARTS[part].members(policy)


def references(policy: AgentPolicy, parts: Iterable[str] | None = None) -> dict[str, torch.Tensor]:
    """Return the live parameters and buffers of `parts` (None: all) by their checkpoint names."""
    found: dict[str, torch.Tensor] = {}
    for part in part_names(policy) if parts is None else parts:
        for prefix, member in _members(policy, part).items():
            if isinstance(member, nn.Parameter):
                found[prefix] = member
            else:
                named = [*member.named_parameters(), *member.named_buffers()]
                found |= {f"{prefix}.{name}": tensor for name, tensor in named}
    return found


def tensors(policy: AgentPolicy, parts: Iterable[str] | None = None) -> dict[str, torch.Tensor]:
    """Return CPU copies of the parameters and buffers of `parts` (None: all) by their checkpoint names."""
    return {name: tensor.detach().cpu().clone() for name, tensor in references(policy, parts).items()}


def _require_unmoved(policy: AgentPolicy, source: Mapping[str, torch.Tensor], wanted: Iterable[str]) -> None:
    """Raise FrozenError if `source` holds other bytes than those of `wanted` parts that are frozen."""
    moved = []
    for part in wanted:
        if any(map(freezing.is_frozen, _members(policy, part).values())):
            held = references(policy, (part,))
            given = {name: source[name].to(tensor.dtype) for name, tensor in held.items()}
            if freezing.digest(given) != freezing.digest(held):
                moved.append(part)
    if moved:
        raise FrozenError(f"{', '.join(moved)} would move, but is frozen: unfreeze_part() first, or load all parts")


def load(policy: AgentPolicy, source: Mapping[str, torch.Tensor], parts: Iterable[str] | None = None) -> list[str]:
    """Copy the tensors of `parts` (None: all) from `source` into the policy; return the loaded names.

    Tensors of other known parts in `source` are left alone. Nothing is written unless everything fits:
    PartsError lists what is missing in `source`, what the policy does not have, and what has another shape.

    Some parts of a policy: those that are frozen must not change, FrozenError names the ones that would, by a
    single bit. All parts at once are another agent in this one's place, as when a run is continued, and are
    written, frozen or not; if that is not the agent whose parts a plan holds still, the phase's end finds out.
    """
    wanted = part_names(policy) if parts is None else tuple(parts)
    targets = references(policy, wanted)
    missing = sorted(set(targets) - set(source))
    known = set(PARTS) - set(wanted)
    unexpected = sorted(name for name in source if name not in targets and name.split(".")[0] not in known)
    shapes = [
        f"{name} is {tuple(source[name].shape)}, the policy's is {tuple(target.shape)}"
        for name, target in targets.items()
        if name in source and source[name].shape != target.shape
    ]
    if missing or unexpected or shapes:
        found = {"missing": missing, "unexpected": unexpected, "mis-shaped": shapes}
        lists = "; ".join(f"{kind}: {', '.join(names) or 'none'}" for kind, names in found.items())
        raise PartsError(f"tensors do not fit the parts {', '.join(wanted)}: {lists}")
    if set(wanted) != set(part_names(policy)):
        _require_unmoved(policy, source, wanted)
    with torch.no_grad():
        for name, target in targets.items():
            target.copy_(source[name])
    return sorted(targets)


def parameters(policy: AgentPolicy, part: str) -> list[nn.Parameter]:
    """Return the trainable tensors of a part, buffers left out."""
    found = references(policy, (part,)).values()
    return [tensor for tensor in found if isinstance(tensor, nn.Parameter)]


def count(policy: AgentPolicy, part: str) -> int:
    """Return the number of parameters of a part (buffers are no parameters)."""
    return sum(parameter.numel() for parameter in parameters(policy, part))


def freeze_part(policy: AgentPolicy, part: str) -> None:
    """Freeze every member of a part."""
    for member in _members(policy, part).values():
        freezing.freeze(member)


def unfreeze_part(policy: AgentPolicy, part: str) -> None:
    """Undo `freeze_part`."""
    for member in _members(policy, part).values():
        freezing.unfreeze(member)


def digests(policy: AgentPolicy, parts: Iterable[str] | None = None) -> dict[str, str]:
    """Return the digest of names, shapes and bytes of each of `parts` (None: all)."""
    wanted = part_names(policy) if parts is None else parts
    return {part: freezing.digest(references(policy, (part,))) for part in wanted}
