"""State of a user's module that no checkpoint holds: what its parameters and buffers do not say, and yet it acts by.

A module may keep a mean, a memory or a random projection in a plain attribute. That is neither saved, carried over nor
frozen, and a run then evaluates to another return than the one it ended with. It shows when a second module of the same
class, built with other random numbers and given the same parameters and buffers, puts out something else.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from ..torch_seeding import seeded

__all__ = ["unsaved_state", "use_copy"]

_ROWS, _CALLS = 32, 8
_KEPT = {"_parameters", "_buffers", "_modules", "training", "train"}  # of nn.Module and of freezing: saved, or a mode


def use_copy(module: nn.Module, obs_dim: int) -> nn.Module | None:
    """Return a copy of `module` that was called some times in either mode; None where it cannot be copied."""
    try:
        used = _copy(module)
        with seeded(1), torch.no_grad():
            for call in range(_CALLS):
                used.train(call % 2 == 0)
                used(3 * torch.randn(_ROWS, obs_dim) + 2)
    except Exception:  # what it cannot do here, it may never be asked to do
        return None
    return used


def unsaved_state(used: nn.Module, build: Callable[[], nn.Module], obs_dim: int) -> list[str] | None:
    """Return the attributes in which `used` differs from a new module that was given its parameters and buffers.

    None where both put out the same for the same observations, or where that cannot be found out. The list is empty
    where they differ in nothing that has a name. Neither the module nor any random generator is changed.

    Args:
        used: a module on any device.
        build: makes a module of its class.
        obs_dim: entries of an observation.
    """
    try:
        used = _copy(used).cpu().eval()
        with seeded(2), torch.no_grad():
            new = build().eval()
            rows = torch.linspace(-2.0, 2.0, 5 * obs_dim).reshape(5, obs_dim)
            new(rows)  # what is built on first use is there now
            held = {**dict(used.named_parameters()), **dict(used.named_buffers())}
            for name, tensor in {**dict(new.named_parameters()), **dict(new.named_buffers())}.items():
                tensor.copy_(held[name])
            first, second, other = (_copy(module) for module in (used, used, new))
            out, again, rebuilt = (_call(module, rows) for module in (first, second, other))
    except Exception:  # as above
        return None
    if _close(out, rebuilt) or not _close(out, again):  # random by means of its own: nothing can be said
        return None
    theirs = dict(new.named_modules())
    return [
        f"{path}.{name}" if path else name
        for path, module in used.named_modules()
        for name, value in vars(module).items()
        if name not in _KEPT and path in theirs and not _same(value, vars(theirs[path]).get(name))
    ]


def _copy(module: nn.Module) -> nn.Module:
    """Return a copy of a module that may keep tensors with a gradient's history, which torch does not copy."""
    kept = [value for inner in module.modules() for held in vars(inner).values() for value in _inside(held)]
    history = [value for value in kept if isinstance(value, torch.Tensor) and value.grad_fn is not None]
    return copy.deepcopy(module, {id(value): value.detach().clone() for value in history})


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple | deque) else [value]


def _call(module: nn.Module, rows: torch.Tensor) -> torch.Tensor:
    with seeded(3):
        out: torch.Tensor = module(rows)
    return out


def _close(left: torch.Tensor, right: torch.Tensor) -> bool:
    return left.shape == right.shape and torch.allclose(left, right, rtol=1e-4, atol=1e-6, equal_nan=True)


def _same(left: Any, right: Any, depth: int = 4) -> bool:
    """Whether two values are equal, containers and plain objects by what they hold."""
    if type(left) is not type(right):
        return False
    if isinstance(left, torch.Tensor):
        return left.shape == right.shape and torch.equal(left, right)
    if isinstance(left, np.ndarray):
        return np.array_equal(left, right)
    if isinstance(left, list | tuple | deque):
        return len(left) == len(right) and all(_same(a, b, depth) for a, b in zip(left, right, strict=True))
    if isinstance(left, Mapping):
        return left.keys() == right.keys() and all(_same(value, right[key], depth) for key, value in left.items())
    if isinstance(left, bool | int | float | complex | str | bytes):
        return bool(left == right)
    return not depth or _same(getattr(left, "__dict__", {}), getattr(right, "__dict__", {}), depth - 1)
