"""Freezing that lasts: no gradient, evaluation mode whatever a trainer says, fixed buffers; and its proof.

`requires_grad = False` alone does not freeze a network. A trainer calls `train(True)` on the whole policy
before every update, and from then on BatchNorm moves its running statistics; an optimizer that still has
the parameters moves them by its momentum although their gradients are zero. So here `train()` of a frozen
module is pinned to evaluation, modules with statistics of their own ask `is_frozen` before they update, and
optimizers are built over trained parameters only. `digest` compares bytes, so a proof is exact and not
"close".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MethodType

import torch
from torch import nn

__all__ = ["digest", "freeze", "is_frozen", "unfreeze"]


def _stay_in_evaluation(module: nn.Module, mode: bool = True) -> nn.Module:
    """Stand in for `nn.Module.train` on a frozen module: ignores `mode`."""
    return module


def freeze(target: nn.Module | nn.Parameter) -> None:
    """Fix a module (parameters, buffers and mode) or a single parameter. Freezing twice is freezing once."""
    if isinstance(target, nn.Parameter):
        target.requires_grad_(False)
        return
    for module in target.modules():
        module.__dict__["training"] = False
        # A bound method, not a closure: a deep copy of the module gets one bound to the copy.
        module.__dict__["train"] = MethodType(_stay_in_evaluation, module)
    target.requires_grad_(False)


def unfreeze(target: nn.Module | nn.Parameter) -> None:
    """Undo `freeze`: gradients and `train()` work again; until it is called, the mode is evaluation."""
    target.requires_grad_(True)
    if isinstance(target, nn.Module):
        for module in target.modules():
            module.__dict__.pop("train", None)


def _is_pinned(module: nn.Module) -> bool:
    """Return whether the module is in evaluation and `train()` leaves it there."""
    train = getattr(module.__dict__.get("train"), "__func__", None)
    return train is _stay_in_evaluation and not module.training


def is_frozen(target: nn.Module | nn.Parameter) -> bool:
    """Return whether the module is frozen: no parameter wants a gradient, no module inside leaves evaluation.

    What was frozen and then made trainable by other means, `requires_grad_(True)` for one, is not frozen.
    """
    if isinstance(target, nn.Parameter):
        return not target.requires_grad
    if any(parameter.requires_grad for parameter in target.parameters()):
        return False
    return all(map(_is_pinned, target.modules()))


def digest(target: nn.Module | Mapping[str, torch.Tensor]) -> str:
    """Return the sha256 (hex) over names, dtypes, shapes and bytes of all parameters and buffers of `target`.

    Buffers that are not saved count too. A mapping of names to tensors gives the same digest as a module with
    them.
    """
    if isinstance(target, nn.Module):
        named = {**dict(target.named_parameters()), **dict(target.named_buffers())}
    else:
        named = dict(target)
    total = hashlib.sha256()
    for name in sorted(named):
        tensor = named[name].detach().cpu().contiguous()
        total.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()
