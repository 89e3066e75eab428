"""What a network makes of a batch: how alike two representations are, how many of its units and directions it uses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from ..networks.activations import ACTIVATIONS
from ..networks.ensemble import Ensemble
from .parts import Parted

__all__ = ["compute_cka", "compute_dormant", "compute_rank", "record_layers"]

_ACTIVATIONS = tuple(ACTIVATIONS.values())


def compute_cka(x: torch.Tensor, y: torch.Tensor) -> float:
    """Return the linear CKA of two representations of the same samples, in [0, 1]; 1 if they are alike.

    CKA(X, Y) = ||Y'X||^2 / (||X'X|| ||Y'Y||), Frobenius norms, columns centred: invariant to rotations and isotropic
    scaling of either. Source: Kornblith et al. 2019, Similarity of Neural Network Representations Revisited, arXiv
    1905.00414, section 3. Rows must be pairs: row i of both is what was made of the same thing.

    Args:
        x: (N, D) features.
        y: (N, E) features.

    Returns:
        NaN where one of them does not vary: nothing can be said then.
    """
    x, y = (features.double() - features.double().mean(dim=0) for features in (x, y))
    norm = torch.linalg.matrix_norm(x.T @ x) * torch.linalg.matrix_norm(y.T @ y)
    return float(torch.linalg.matrix_norm(y.T @ x).square() / norm) if norm > 0 else float("nan")


def compute_dormant(features: torch.Tensor, threshold: float = 0.025) -> float:
    """Return the share of dormant units in [0, 1]: |activation| averages at most `threshold` of the layer's average.

    Source: Sokar et al. 2023, The Dormant Neuron Phenomenon in Deep Reinforcement Learning, arXiv 2302.12902,
    definition 3.1, with their threshold tau = 0.025. `features` are a layer's activations (N, D); a layer that is zero
    throughout is dormant as a whole.
    """
    size = features.double().abs().mean(dim=0)
    return float((size <= threshold * size.mean()).double().mean())


def compute_rank(features: torch.Tensor, delta: float = 0.01) -> int:
    """Return how many singular values of `features` (N, D) make up all but the share `delta` of their sum.

    srank(Phi) = min k: sum_{i <= k} s_i / sum_i s_i >= 1 - delta. Source: Kumar et al. 2021, Implicit
    Under-Parameterization Inhibits Data-Efficient Deep Reinforcement Learning, arXiv 2010.14498, section 3, with their
    delta = 0.01. 0 for features that are zero throughout.
    """
    values = torch.linalg.svdvals(features.double())
    total = values.sum()
    # a rounding error below the bound must not cost a whole rank
    return int((values.cumsum(0) < (1.0 - delta) * total * (1.0 - 1e-12)).sum()) + 1 if total > 0 else 0


def record_layers(policy: Parted, run: Callable[[], object]) -> dict[str, torch.Tensor]:
    """Call `run`, which must pass one batch through the policy, and return what every hidden layer gave, (N, width).

    A layer is named by the unit that a plan knows it by, the linear map before its activation: `encoder.layers.0`. A
    member without activations gives its output, under its own name. What `run` does not reach is left out.

    A layer of an ensemble of M critics of W units each is one layer of M * W units, critic by critic: one sample is
    still one row.
    """
    found: dict[str, torch.Tensor] = {}
    hooks = [
        module.register_forward_hook(partial(_keep, found, name, isinstance(member, Ensemble)))
        for members in policy.members().values()
        for prefix, member in members.items()
        if isinstance(member, nn.Module)
        for name, module in _layers(prefix, member).items()
    ]
    try:
        with torch.no_grad():
            run()
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _keep(
    found: dict[str, torch.Tensor], name: str, ensemble: bool, module: nn.Module, inputs: Any, output: Any
) -> None:
    """Keep (N, width) of an output; that of an ensemble is (M, N, W), or (M, N) where it has no hidden layer."""
    if isinstance(output, torch.Tensor):
        rows = output.detach().cpu()
        found[name] = rows.movedim(0, 1).flatten(1) if ensemble else rows.flatten(0, -2)


def _layers(prefix: str, member: nn.Module) -> dict[str, nn.Module]:
    """Return layer name -> the module whose output it is."""
    layers: dict[str, nn.Module] = {}
    unit = prefix
    for path, module in member.named_modules():
        if any(True for _ in module.parameters(recurse=False)) and "Norm" not in type(module).__name__:
            unit = f"{prefix}.{path}" if path else prefix
        elif isinstance(module, _ACTIVATIONS):
            layers[unit] = module
    return layers or ({prefix: member} if any(True for _ in member.children()) else {})
