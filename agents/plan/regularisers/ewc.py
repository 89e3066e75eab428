"""ewc: weights stay near the source's, each as stiffly as the source's policy hangs on it."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ...networks.rules import is_whole
from .fisher import acting_parameters, compute_diagonal_fisher
from .origin import ACTING_PARTS, Origin
from .regulariser import Option, Regulariser, read_options
from .weight_penalty import WeightPenalty

__all__ = ["OPTIONS", "make_ewc"]

OPTIONS = {
    "steps": Option(2048, "it must be a whole number of at least 1: steps of the source's worlds", is_whole),
}


def _measure(origin: Origin, steps: int) -> dict[str, torch.Tensor]:
    """Return the source policy's diagonal Fisher information on its own states, its mean over all entries 1."""
    policy = origin.policy()
    device = next(iter(acting_parameters(policy).values())).device
    fisher = compute_diagonal_fisher(policy, origin.collect_states(policy, steps, device))
    entries = sum(tensor.numel() for tensor in fisher.values())
    mean = float(sum(tensor.double().sum() for tensor in fisher.values())) / entries
    return {name: tensor / mean if mean > 0 else tensor for name, tensor in fisher.items()}


def make_ewc(regulariser: Regulariser, origin: Origin, trained: Mapping[str, torch.Tensor]) -> WeightPenalty:
    """Return weight / 2 * sum F (theta - theta_source)^2 over what is carried over, trains, and actions depend on.

    Source: Kirkpatrick et al. 2017, arXiv 1612.00796, equation 3. F is the diagonal Fisher information of the source
    policy on states of the source (see `compute_diagonal_fisher`), divided by its mean over everything its actions
    depend on, carried over or not. So the weight means the same for networks of any size and policies of any noise,
    and the same as that of l2_source: the mean stiffness of a spring. Option `steps`: source steps that are taken to
    see these states. A value head has no Fisher information here and is not penalised. The source's worlds give no
    parameters meanwhile: of a teacher, the states are those of a policy without them, as on the target.
    """
    steps = read_options(regulariser, OPTIONS)["steps"]
    place = f"fisher/{steps}/"
    acting = {name: t for name, t in trained.items() if name.split(".")[0] in ACTING_PARTS}
    if acting and not any(name.startswith(place) for name in origin.measured):
        origin.measured.update({place + name: tensor for name, tensor in _measure(origin, steps).items()})
    fisher = {name.removeprefix(place): t for name, t in origin.measured.items() if name.startswith(place)}
    penalised = {name: t for name, t in acting.items() if name in fisher}
    return WeightPenalty(regulariser.kind, regulariser.weight, penalised, origin.tensors, fisher)
