"""The optimizer of a phase: Adam over the units that train and nothing else, one group a rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from ..errors import CheckpointError
from ..policy import parts
from ..policy.parts import Parted

__all__ = ["get_moments", "make_optimizer", "set_learning_rate", "set_moments", "trained_parameters"]

_EPS = 1e-5  # stable-baselines3's value for PPO
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # Adam's state of a parameter
_FUSED = ("cpu", "cuda", "mps")  # device types with a fused Adam kernel


def make_optimizer(
    policy: Parted, rates: Mapping[str, float], learning_rate: float, eps: float = _EPS
) -> torch.optim.Adam:
    """Return a fresh Adam (Kingma and Ba 2015, arXiv 1412.6980) over the units in `rates` (part or unit -> scale).

    What does not train must not be in an optimizer at all: left-over momentum moves parameters whose
    gradient is zero.
    """
    groups: list[dict[str, Any]] = []
    for scale in dict.fromkeys(rates.values()):
        found = parts.parameters(policy, [unit for unit, rate in rates.items() if rate == scale])
        before = {id(parameter) for group in groups for parameter in group["params"]}
        found = [parameter for parameter in found if id(parameter) not in before]  # one that two units share moves once
        if found:
            groups.append({"params": found, "lr": learning_rate * scale, "scale": scale})
    if not groups:  # a zero-shot plan; torch refuses an optimizer of nothing, so it gets an empty tensor
        groups = [{"params": [torch.zeros(0, requires_grad=True)], "scale": 1.0}]
    fused = groups[0]["params"][0].device.type in _FUSED
    return torch.optim.Adam(groups, lr=learning_rate, eps=eps, fused=fused)


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Set every group's rate to `learning_rate` times its scale."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group["scale"]


def trained_parameters(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """Return all parameters the optimizer moves."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def get_moments(policy: Parted, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return the optimizer's state as `<tensor name>:<step|exp_avg|exp_avg_sq>` -> tensor on the CPU."""
    moments: dict[str, torch.Tensor] = {}
    for name, tensor in parts.references(policy).items():
        state = optimizer.state.get(tensor, {})
        moments |= {f"{name}:{key}": value.detach().cpu().clone() for key, value in state.items()}
    return moments


def set_moments(
    policy: Parted, optimizers: Iterable[torch.optim.Optimizer], moments: Mapping[str, torch.Tensor]
) -> None:
    """Continue from what `get_moments` returned of each; CheckpointError on a tensor that none of them moves."""
    owners = {id(parameter): optimizer for optimizer in optimizers for parameter in trained_parameters(optimizer)}
    targets = {name: tensor for name, tensor in parts.references(policy).items() if id(tensor) in owners}
    for optimizer in owners.values():
        optimizer.state.clear()
    for key, value in moments.items():
        name, _, field = key.rpartition(":")
        if name not in targets:
            raise CheckpointError(f"optimizer state {key!r} belongs to no trained tensor: {', '.join(sorted(targets))}")
        tensor = targets[name]
        shape = torch.Size() if field == "step" else tensor.shape
        if field not in _MOMENTS or value.shape != shape or not value.is_floating_point():
            raise CheckpointError(f"optimizer state {key!r} is {value.dtype} {tuple(value.shape)}, not of {name}")
        if not bool(value.isfinite().all()):
            raise CheckpointError(f"optimizer state {key!r} is not finite")
        owners[id(tensor)].state[tensor][field] = value.clone().to(tensor.device)
