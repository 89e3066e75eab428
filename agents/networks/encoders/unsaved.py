"""State of a user's module that no checkpoint holds: what its parameters and buffers do not say, and yet it acts by.

A module may keep a mean, a memory or a random projection in an attribute, in its class or in a global. That is neither
saved, carried over nor frozen, and a run then evaluates to another return than the one it ended with. It shows when a
second module, of a class that was imported anew, built with other random numbers and given the same parameters and
buffers, puts out something else.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from ...errors import AgentsError
from ..normalizer import CLIP
from ..torch_seeding import seeded
from .second_import import SecondImport, shared_values

__all__ = ["call_some_times", "unsaved_state"]

_CALLS = 8
_KEPT = {"_parameters", "_buffers", "_modules", "training", "train"}  # of nn.Module and of freezing: saved, or a mode


def call_some_times(module: nn.Module, obs_dim: int) -> None:
    """Call `module` in either mode, as training does.

    Raises:
        AgentsError: when it fails, or gives non-finite features in training of observations between -1 and 1.
    """
    with seeded(1):
        for call in range(_CALLS):
            module.train(call % 2 == 0)
            for number, rows in enumerate(_batches(obs_dim, torch.device("cpu"))):
                out = _call(module, rows)
                if number == 0 and not torch.isfinite(out).all():
                    raise AgentsError(f"gives non-finite features {_mode(module)} of observations between -1 and 1")


def unsaved_state(used: nn.Module, new: nn.Module, second: SecondImport, obs_dim: int) -> list[str] | None:
    """Return the names of what `used` acts by beside its parameters and buffers, as far as it differs from `new`.

    None where both put out the same for the same observations, in evaluation and in training. The list is empty where
    what differs has no name. `used` and torch's random generators stay as they are.

    Args:
        used: a module on any device.
        new: a module of the same class of `second`; is given the parameters and buffers of `used`.
        second: the import that `new` is of.
        obs_dim: entries of an observation.

    Raises:
        AgentsError: naming the reason, when they cannot be compared.
    """
    _load(new, used)
    attributes = _unlike(_attributes(used), _attributes(new))
    copies = _copy(used), _copy(used)
    modes = [[inner.training for inner in copies[0].train(mode).modules()] for mode in (False, True)]
    out, again = (_outputs(module, modes, obs_dim) for module in copies)
    with second.active():
        rebuilt = _outputs(new, modes, obs_dim)
    if _close(out, again):
        if _close(out, rebuilt):
            return None
        return attributes + _unlike(shared_values(second.first()), shared_values(second.modules))
    # it remembers in what both copies share, or draws by means of its own
    if shared := _unlike(shared_values(second.first()), shared_values(second.modules)):
        return shared
    raise AgentsError(
        "of the same observations it gives other features at a second call: it remembers in what cannot be copied, or "
        "draws random numbers by other means than torch's global generators, which every run seeds"
    )


def _outputs(module: nn.Module, modes: list[list[bool]], obs_dim: int) -> list[torch.Tensor]:
    """Return what `module` puts out of each batch in each of `modes`, which say of every module in it if it trains."""
    found = []
    for mode in modes:
        for inner, training in zip(module.modules(), mode, strict=True):
            inner.training = training  # a frozen one stays in evaluation
        found += [_call(module, rows) for rows in _batches(obs_dim, _device(module))]
    return found


def _batches(obs_dim: int, device: torch.device) -> Iterator[torch.Tensor]:
    """Yield normalised observations: of usual size, shifted, and up to where the normaliser clips them."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(3, 32, obs_dim, generator=generator)
    grid = torch.linspace(-CLIP, CLIP, 5 * obs_dim).reshape(5, obs_dim)
    for rows in (noise[0].clamp(-1, 1), 3 * noise[1] + 2, CLIP * noise[2], grid):
        yield rows.clamp(-CLIP, CLIP).to(device)


def _device(module: nn.Module) -> torch.device:
    return next((tensor.device for tensor in [*module.parameters(), *module.buffers()]), torch.device("cpu"))


def _mode(module: nn.Module) -> str:
    return "in training" if module.training else "in evaluation"


def _load(new: nn.Module, used: nn.Module) -> None:
    """Give `new` the device, parameters and buffers of `used`; AgentsError if it has others."""
    new.to(_device(used))
    mine, theirs = ({**dict(m.named_parameters()), **dict(m.named_buffers())} for m in (used, new))
    shapes, others = ({name: tuple(tensor.shape) for name, tensor in tensors.items()} for tensors in (mine, theirs))
    if shapes != others:
        names = ", ".join(sorted({name for name, _ in shapes.items() ^ others.items()}))
        raise AgentsError(f"parameters and buffers that are not there, or of another shape, when it is built: {names}")
    with torch.no_grad():
        for name, tensor in theirs.items():
            tensor.copy_(mine[name])


def _call(module: nn.Module, rows: torch.Tensor) -> torch.Tensor:
    try:
        with seeded(3, rows.device), torch.set_grad_enabled(module.training):
            out: torch.Tensor = module(rows.clone())
    except Exception as error:  # whatever the user's module raises
        reason = f"{type(error).__name__}: {error}"
        raise AgentsError(f"fails {_mode(module)} on observations {tuple(rows.shape)}: {reason}") from error
    return out.detach()


def _copy(module: nn.Module) -> nn.Module:
    """Return a copy; tensors lose their gradient's history, and what cannot be copied, a lock for one, is shared.

    Raises:
        AgentsError: when something that is used up by reading it cannot be copied.
    """
    memo: dict[int, Any] = {}
    nodes = list(_nodes(module, set()))
    for node in nodes:
        if isinstance(node, torch.Tensor) and node.grad_fn is not None:
            memo[id(node)] = node.detach().clone()
    try:
        return copy.deepcopy(module, dict(memo))
    except Exception:  # of whatever kind
        for node in nodes:
            try:
                copy.deepcopy(node, dict(memo))
            except Exception as error:  # as above
                if hasattr(node, "__next__") or isinstance(node, nn.Module):
                    raise AgentsError(f"a {type(node).__name__} cannot be copied: {error}") from error
                memo[id(node)] = node
    return copy.deepcopy(module, memo)


def _nodes(value: Any, seen: set[int]) -> Iterator[Any]:
    """Yield what `value` consists of, parts before wholes."""
    if id(value) in seen or isinstance(value, type | str | bytes | int | float | np.ndarray):
        return
    seen.add(id(value))
    if isinstance(value, Mapping):
        parts = list(value.values())
    elif isinstance(value, list | tuple | set | deque):
        parts = list(value)
    else:
        parts = [] if isinstance(value, torch.Tensor | ModuleType) else list(getattr(value, "__dict__", {}).values())
    for part in parts:
        yield from _nodes(part, seen)
    yield value


def _attributes(module: nn.Module) -> dict[str, Any]:
    return {
        f"{path}.{name}" if path else name: value
        for path, inner in module.named_modules()
        for name, value in vars(inner).items()
        if name not in _KEPT
    }


def _unlike(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[str]:
    """Return the names under which two mappings hold different values."""
    return [name for name, value in left.items() if name not in right or not _same(value, right[name])]


def _close(left: list[torch.Tensor], right: list[torch.Tensor]) -> bool:
    return all(
        a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-6, equal_nan=True)
        for a, b in zip(left, right, strict=True)
    )


def _same(left: Any, right: Any, depth: int = 6) -> bool:
    """Whether two values are equal, containers and plain objects by what they hold; a class may be of either import."""
    if type(left).__qualname__ != type(right).__qualname__:
        return False
    if not depth or left is right:
        return True
    if isinstance(left, torch.Tensor):
        return left.shape == right.shape and torch.equal(left.cpu(), right.cpu())
    if isinstance(left, torch.Generator):
        return torch.equal(left.get_state(), right.get_state())
    if isinstance(left, np.random.Generator):
        return _same(left.bit_generator.state, right.bit_generator.state, depth - 1)
    if isinstance(left, np.ndarray):
        return np.array_equal(left, right)
    if isinstance(left, list | tuple | deque):
        return len(left) == len(right) and all(_same(a, b, depth - 1) for a, b in zip(left, right, strict=True))
    if isinstance(left, Mapping):
        return left.keys() == right.keys() and not any(not _same(left[key], right[key], depth - 1) for key in left)
    if isinstance(left, bool | int | float | complex | str | bytes):
        return bool(left == right)
    return _same(getattr(left, "__dict__", {}), getattr(right, "__dict__", {}), depth - 1)
