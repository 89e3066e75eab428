"""Named parts of a policy: what a plan keeps, resets, freezes, trains, and what checkpoints name tensors by.

Every parameter and buffer of a policy belongs to exactly one part, and within it to one unit: the layer, or the
parameter, that it belongs to. Tensors are named `<unit>.<...>`, for example `encoder.layers.0.weight` of the unit
`encoder.layers.0`, so a checkpoint can be read without the class that wrote it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import torch
from torch import nn

from ..errors import FrozenError, PartsError, unknown_name
from ..networks import freezing
from .patterns import PARTS, ancestors

__all__ = [
    "PARTS",
    "Member",
    "Parted",
    "count",
    "digests",
    "freeze_all_but",
    "freeze_part",
    "load",
    "parameters",
    "part_names",
    "references",
    "tensors",
    "unfreeze_part",
    "unit_names",
]

Member = nn.Module | nn.Parameter
_ACTS = "policy_average"  # part without which a policy that has it would be another one


class Parted(Protocol):
    """What a policy of any learner is: a module that knows its parts."""

    def members(self) -> dict[str, dict[str, Member]]:
        """Return, for every part the policy has, its modules and parameters by name prefix, in PARTS' order."""
        ...


def part_names(policy: Parted) -> tuple[str, ...]:
    """Return the parts this policy has, in the order of PARTS."""
    return tuple(name for name, members in policy.members().items() if members)


def _part_members(policy: Parted, part: str) -> dict[str, Member]:
    """Return a part's members by name prefix; PartsError if this policy has no such part."""
    if part not in part_names(policy):
        raise PartsError(unknown_name("part", part, part_names(policy)))
    return policy.members()[part]


def _own_tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    """Return the parameters and buffers of a module itself, none of its children's."""
    own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
    return dict(own)


def _units_of(prefix: str, member: Member) -> dict[str, dict[str, torch.Tensor]]:
    """Return unit -> tensors by full name, of one member."""
    if isinstance(member, nn.Parameter):
        return {prefix: {prefix: member}}
    found: dict[str, dict[str, torch.Tensor]] = {}
    for path, module in member.named_modules():
        unit = f"{prefix}.{path}" if path else prefix
        own = {f"{unit}.{name}": tensor for name, tensor in _own_tensors(module).items()}
        if own:
            found[unit] = own
    return found


def _units(policy: Parted, parts: Iterable[str] | None = None) -> dict[str, dict[str, torch.Tensor]]:
    """Return unit -> its live tensors by full name, of `parts` (None: all)."""
    found: dict[str, dict[str, torch.Tensor]] = {}
    for part in part_names(policy) if parts is None else parts:
        for prefix, member in _part_members(policy, part).items():
            found |= _units_of(prefix, member)
    return found


def unit_names(policy: Parted, parts: Iterable[str] | None = None) -> tuple[str, ...]:
    """Return the units of `parts` (None: all), parts in the order of PARTS, layers from the input on."""
    return tuple(_units(policy, parts))


def references(policy: Parted, parts: Iterable[str] | None = None) -> dict[str, torch.Tensor]:
    """Return the live parameters and buffers of `parts` (None: all) by their checkpoint names."""
    return {name: tensor for own in _units(policy, parts).values() for name, tensor in own.items()}


def tensors(policy: Parted, parts: Iterable[str] | None = None) -> dict[str, torch.Tensor]:
    """Return CPU copies of the parameters and buffers of `parts` (None: all) by their checkpoint names."""
    return {name: tensor.detach().cpu().clone() for name, tensor in references(policy, parts).items()}


def _require_unmoved(policy: Parted, source: Mapping[str, torch.Tensor], wanted: Iterable[str]) -> None:
    """Raise FrozenError if `source` has other bytes than `wanted` parts that are frozen."""
    moved = []
    for part in wanted:
        if any(map(freezing.is_frozen, _part_members(policy, part).values())):
            own = references(policy, (part,))
            given = {name: source[name].to(tensor.dtype) for name, tensor in own.items()}
            if freezing.digest(given) != freezing.digest(own):
                moved.append(part)
    if moved:
        raise FrozenError(f"{', '.join(moved)} would move, but is frozen: unfreeze_part() first, or load all parts")


def load(policy: Parted, source: Mapping[str, torch.Tensor], parts: Iterable[str] | None = None) -> list[str]:
    """Copy the tensors of `parts` (None: all) from `source` into the policy; return the loaded names.

    Tensors of other known parts in `source` are left alone. Nothing is written unless everything fits:
    PartsError lists what is missing in `source`, what the policy does not have, and what has another shape.

    Some parts of a policy: those that are frozen must not change, FrozenError names the ones that would, by a
    single bit. All parts at once are another agent in this one's place, as when a run is continued, and are
    written, frozen or not; if that is not the agent whose parts a plan keeps frozen, the phase's end finds out.
    """
    wanted = part_names(policy) if parts is None else tuple(parts)
    if parts is None and _ACTS not in wanted and any(name.startswith(f"{_ACTS}.") for name in source):
        raise PartsError(f"the policy that these tensors are of acts by its {_ACTS}: load acting_tensors(tensors)")
    targets = references(policy, wanted)
    missing = sorted(set(targets) - set(source))
    known = set(PARTS) - set(wanted)
    unexpected = sorted(name for name in source if name not in targets and name.split(".")[0] not in known)
    shapes = [
        f"{name} is {tuple(source[name].shape)}, the policy's is {tuple(target.shape)}"
        for name, target in targets.items()
        if name in source and source[name].shape != target.shape
    ]
    shapes += [
        f"{name} is {source[name].dtype}, the policy's is {target.dtype}"
        for name, target in targets.items()
        if name in source and source[name].is_floating_point() != target.is_floating_point()
    ]
    if missing or unexpected or shapes:
        found = {"missing": missing, "unexpected": unexpected, "mis-shaped": shapes}
        lists = "; ".join(f"{kind}: {', '.join(names) or 'none'}" for kind, names in found.items())
        raise PartsError(f"tensors do not fit the parts {', '.join(wanted)}: {lists}")
    if set(wanted) != set(part_names(policy)):
        _require_unmoved(policy, source, wanted)
    if bad := [name for name, target in targets.items() if _is_lost(source[name], target)]:
        raise PartsError(f"tensors are not finite: {', '.join(bad)}")
    with torch.no_grad():
        for name, target in targets.items():
            target.copy_(source[name])
    return sorted(targets)


def _is_lost(source: torch.Tensor, target: torch.Tensor) -> bool:
    """Return whether `source` is not finite where `target` is: a user's module may mask with infinities."""
    if not source.is_floating_point() or bool(source.isfinite().all()):
        return False
    return bool((target.isfinite() & ~source.to(target.device).isfinite()).any())


def _require_known(name: str, units: Iterable[str]) -> None:
    """Raise PartsError unless `name` is a unit or something that units lie in."""
    names = {ancestor for unit in units for ancestor in ancestors(unit)}
    if name not in names:
        raise PartsError(unknown_name("part", name, names))


def parameters(policy: Parted, names: Iterable[str]) -> list[nn.Parameter]:
    """Return the trainable tensors of the parts or units called `names`, each once, buffers left out.

    Raises PartsError as `digests`.
    """
    wanted, units = tuple(names), _units(policy)
    for name in wanted:
        _require_known(name, units)
    found = [own for unit, own in units.items() if set(wanted) & set(ancestors(unit))]
    # a dict for its order; a tensor that stands in two places of a user's module is one
    return list(dict.fromkeys(tensor for own in found for tensor in own.values() if isinstance(tensor, nn.Parameter)))


def count(policy: Parted, *names: str) -> int:
    """Return the number of parameters of parts or units (buffers are no parameters)."""
    return sum(parameter.numel() for parameter in parameters(policy, names))


def freeze_part(policy: Parted, part: str) -> None:
    """Freeze every member of a part."""
    for member in _part_members(policy, part).values():
        freezing.freeze(member)


def unfreeze_part(policy: Parted, part: str) -> None:
    """Undo `freeze_part`."""
    for member in _part_members(policy, part).values():
        freezing.unfreeze(member)


def freeze_all_but(policy: Parted, trained: Iterable[str]) -> None:
    """Freeze all units but the `trained` ones.

    What lies around a trained unit is left free to train too, so that a Dropout beside a trained layer works.
    """
    units = set(trained)
    free = {ancestor for unit in units for ancestor in ancestors(unit)}

    def add(prefix: str, member: Member) -> None:
        """Freeze a member whole if nothing in it trains, else what in it does not."""
        if prefix not in free:
            freezing.freeze(member)
            return
        freezing.unfreeze(member)
        if isinstance(member, nn.Module):
            if prefix not in units:
                for parameter in member.parameters(recurse=False):
                    freezing.freeze(parameter)
            for name, child in member.named_children():
                if _units_of(name, child):
                    add(f"{prefix}.{name}", child)

    for part in part_names(policy):
        for prefix, member in _part_members(policy, part).items():
            add(prefix, member)


def digests(policy: Parted, names: Iterable[str] | None = None) -> dict[str, str]:
    """Return the digest of names, shapes and bytes of each of the parts or units in `names` (None: all parts).

    Raises PartsError with the valid names on one that is not there.
    """
    found: dict[str, str] = {}
    units = _units(policy)
    for name in part_names(policy) if names is None else names:
        _require_known(name, units)
        own = [tensors for unit, tensors in units.items() if name in ancestors(unit)]
        found[name] = freezing.digest({key: tensor for tensors in own for key, tensor in tensors.items()})
    return found
