"""Finding losses and weights that are not finite, before a policy acts by them or a checkpoint has them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..errors import AgentsError, DivergedError
from ..policy import parts
from .optimizer import get_moments

__all__ = [
    "all_finite",
    "is_finite",
    "require_finite",
    "require_finite_actions",
    "require_finite_learner",
    "require_finite_state",
]

_SHOWN = 3  # names in a message


class _Learner(Protocol):
    """What checking needs of a learner."""

    policy: Any
    num_timesteps: int

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Everything that moves weights."""
        ...


def is_finite(tensor: torch.Tensor) -> bool:
    """Return whether a tensor has neither NaN nor infinity; one of integers has not. Allocates nothing of its size."""
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    low, high = torch.aminmax(tensor.detach())  # NaN wins
    return math.isfinite(low.item()) and math.isfinite(high.item())


def all_finite(tensors: Iterable[torch.Tensor]) -> bool:
    """Return whether all tensors of floats, on one device, are finite, waiting for one number only."""
    filled = [tensor.detach() for tensor in tensors if tensor.numel()]
    if not filled:
        return True
    norms: list[torch.Tensor] = torch._foreach_norm(filled, math.inf)  # type: ignore[assignment]
    return bool(torch.stack([norm.float() for norm in norms]).isfinite().all())


def require_finite(learner: _Learner, losses: Mapping[str, float], trained: Iterable[torch.Tensor] = ()) -> None:
    """Check an update: its `losses`, by name, and the `trained` parameters it has moved.

    Raises:
        DivergedError: naming the learner, the step and what is not finite.
    """
    found = [f"{name} {value}" for name, value in losses.items() if not math.isfinite(value)]
    if found or not all_finite(trained):
        raise _diverged(learner, [*found, *_bad_tensors(learner.policy)])


def require_finite_actions(learner: _Learner, obs: NDArray[Any], actions: NDArray[Any]) -> None:
    """Check `actions` (num_envs, action_dim) before worlds are stepped by them.

    Raises:
        DivergedError: naming the learner and the step, or the encoder, when it makes NaN of what is finite.
        AgentsError: when it was the observations (num_envs, obs_dim) that were not finite.
    """
    if np.isfinite(actions).all():
        return
    if not np.isfinite(obs).all():
        entries = np.flatnonzero(~np.isfinite(obs).all(axis=0)).tolist()
        raise AgentsError(f"observations are not finite by step {learner.num_timesteps:,}: entries {entries}")
    bad, encoder = _bad_tensors(learner.policy), learner.policy.encoder
    with torch.no_grad():
        features = encoder(torch.as_tensor(obs, device=next(learner.policy.parameters()).device))
    if not bad and not is_finite(features):
        raise DivergedError(
            f"encoder kind {encoder.kind!r} gives non-finite features by step {learner.num_timesteps:,}, though "
            "observations and weights are finite"
        )
    raise _diverged(learner, ["actions", *bad])


def require_finite_learner(learner: _Learner) -> None:
    """Check all weights and statistics of a learner's policy, and its optimizers' moments.

    A buffer of a module of the user's own may contain infinities (a mask), never NaN.

    Raises:
        DivergedError: naming the learner, the step and what is not finite.
    """
    found = _bad_tensors(learner.policy)
    for optimizer in learner.optimizers:
        moments = get_moments(learner.policy, optimizer)
        found += [f"optimizer state of {name}" for name, value in moments.items() if not is_finite(value)]
    if found:
        raise _diverged(learner, found)


def require_finite_state(learner: _Learner, tensors: Mapping[str, torch.Tensor]) -> None:
    """Check tensors of a training state, by name.

    Raises:
        DivergedError: naming the learner, the step and what is not finite.
    """
    if found := [f"training state {name!r}" for name, tensor in tensors.items() if not is_finite(tensor)]:
        raise _diverged(learner, found)


def _bad_tensors(policy: Any) -> list[str]:
    return [
        name
        for name, tensor in parts.references(policy).items()
        if not is_finite(tensor) and (isinstance(tensor, nn.Parameter) or bool(tensor.isnan().any()))
    ]


def _diverged(learner: _Learner, found: list[str]) -> DivergedError:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return DivergedError(
        f"{type(learner).__name__} diverged by step {learner.num_timesteps:,}: not finite: "
        f"{', '.join(found[:_SHOWN])}{more}; try a lower learning_rate or max_grad_norm"
    )
