"""The optimizer of a phase: Adam over the parts that train and nothing else, one group a part."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from . import parts
from .errors import CheckpointError
from .policy import AgentPolicy

__all__ = ["get_moments", "make_optimizer", "set_learning_rate", "set_moments", "trained_parameters"]

_EPS = 1e-5  # stable-baselines3's value for PPO
_FUSED = ("cpu", "cuda", "mps")  # device types with a fused Adam kernel


def make_optimizer(policy: AgentPolicy, rates: Mapping[str, float], learning_rate: float) -> torch.optim.Adam:
    """Return a fresh Adam (Kingma and Ba 2015, arXiv 1412.6980) over the parts in `rates` (part -> scale).

    A part that does not train must not be in an optimizer at all: left-over momentum moves parameters whose
    gradient is zero.
    """
    groups = [
        {"params": parts.parameters(policy, part), "lr": learning_rate * scale, "scale": scale, "part": part}
        for part, scale in rates.items()
    ]
    groups = [group for group in groups if group["params"]]
    if not groups:  # a zero-shot plan; torch refuses an optimizer of nothing, so it gets an empty tensor
        groups = [{"params": [torch.zeros(0, requires_grad=True)], "scale": 1.0, "part": ""}]
    return torch.optim.Adam(groups, lr=learning_rate, eps=_EPS, fused=policy.device.type in _FUSED)


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Set every group's rate to `learning_rate` times its scale."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group["scale"]


def trained_parameters(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """Return all parameters the optimizer moves."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def get_moments(policy: AgentPolicy, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return the optimizer's state as `<tensor name>:<step|exp_avg|exp_avg_sq>` -> tensor on the CPU."""
    moments: dict[str, torch.Tensor] = {}
    for name, tensor in parts.references(policy).items():
        state = optimizer.state.get(tensor, {})
        moments |= {f"{name}:{key}": value.detach().cpu().clone() for key, value in state.items()}
    return moments


def set_moments(policy: AgentPolicy, optimizer: torch.optim.Optimizer, moments: Mapping[str, torch.Tensor]) -> None:
    """Continue from what `get_moments` returned. Raises CheckpointError on a tensor that does not train."""
    trained = {id(parameter) for parameter in trained_parameters(optimizer)}
    targets = {name: tensor for name, tensor in parts.references(policy).items() if id(tensor) in trained}
    optimizer.state.clear()
    for key, value in moments.items():
        name, _, field = key.rpartition(":")
        if name not in targets:
            raise CheckpointError(f"optimizer state {key!r} belongs to no trained tensor: {', '.join(sorted(targets))}")
        tensor = targets[name]
        optimizer.state[tensor][field] = value.clone().to(tensor.device)
