"""One PPO update: a lean loop over epochs and minibatches that never waits for a number.

Losses stay tensors until the end; the gradients of all trained parameters are pieces of one vector, so that
clipping them (Pascanu et al. 2013, arXiv 1211.5063) is two operations. Where every layer is known, gradients
come from `HandGradients`, else from autograd.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch

from ..learning.optimizer import trained_parameters
from ..learning.returns import Rollout
from ..networks.backprop import gather_gradients
from ..plan.regularisers import PenaltyTerms
from .gradients import HandGradients
from .loss import Losses, compute_loss
from .policy import AgentPolicy
from .settings import PPOSettings
from .table import Batch, make_table

__all__ = ["UpdateLog", "autograd_gradients", "run_update"]

Gradients = Callable[[Batch], Losses]


class UpdateLog(NamedTuple):
    """What an update did: stable-baselines3's log keys without `train/`, the epochs it ran, and its loss."""

    values: dict[str, float]
    epochs: int
    mean_loss: float = 0.0  # over all minibatches: not finite if the loss of any was not


def autograd_gradients(loss: Callable[[Batch], Losses]) -> Gradients:
    """Return a function that computes `loss` and adds its gradients to `.grad`, which it zeroes before."""

    def gradients(batch: Batch) -> Losses:
        losses = loss(batch)
        losses.total.backward()  # type: ignore[no-untyped-call]
        return Losses(*(None if value is None else value.detach() for value in losses))  # type: ignore[arg-type]

    return gradients


def run_update(
    policy: AgentPolicy,
    rollout: Rollout,
    settings: PPOSettings,
    optimizer: torch.optim.Optimizer,
    rates: Mapping[str, float],
    penalties: PenaltyTerms,
) -> UpdateLog:
    """Train on a rollout for `settings.num_epochs` epochs, or until `target_kl` stops it.

    `rates` are the units that train. Without any of `policy_head`, `log_std` and `adapters` among them only the value
    loss is computed; without any parameter (statistics alone) there is nothing to descend. `penalties` are part of the
    loss: gradients are clipped with theirs among them.
    """
    trained = trained_parameters(optimizer)
    if not sum(parameter.numel() for parameter in trained):
        _update_statistics(policy, rollout, rates)
        return UpdateLog({}, 0)
    value_only = not {"policy_head", "log_std", "adapters"} & {unit.split(".")[0] for unit in rates}
    kl = None if value_only else penalties.policy
    table, columns = make_table(policy, rollout, settings.cache_features, value_only, kl)
    by_hand = HandGradients.supports(policy)
    gradients: Gradients
    if by_hand:
        gradients = HandGradients(policy, columns, settings, min(settings.batch_size, len(table)), kl)
    else:
        gradients = autograd_gradients(lambda batch: compute_loss(policy, batch, columns, settings, kl))
    vector = gather_gradients(trained)
    limit = float("inf") if settings.target_kl is None else 1.5 * settings.target_kl
    records: list[Losses] = []
    held: list[dict[str, torch.Tensor]] = []
    last_epoch = epochs = 0
    stopped = False
    while epochs < settings.num_epochs and not stopped:
        last_epoch = len(records)
        for rows in rollout.minibatches(table, settings.batch_size):
            if not by_hand or penalties.weights:  # by hand, what the loss does not reach is never written
                vector.zero_()
            losses = gradients(columns.batch(rows))
            values = penalties.add_gradients()
            records.append(losses._replace(total=losses.total + sum(values.values())) if values else losses)
            held.append(values)
            stopped = settings.target_kl is not None and losses.approx_kl is not None and bool(losses.approx_kl > limit)
            if stopped:
                break
            # as torch.nn.utils.clip_grad_norm_: scale by max_norm / (norm + 1e-6) where that is below 1
            norm = torch.linalg.vector_norm(vector)
            vector.mul_((settings.max_grad_norm / (norm + 1e-6)).clamp_(max=1.0))
            optimizer.step()
        epochs += 1
    _update_statistics(policy, rollout, rates)
    summary, mean_loss = _summary(records, last_epoch)
    return UpdateLog(summary | _penalty_means(held), epochs, mean_loss)


def _update_statistics(policy: AgentPolicy, rollout: Rollout, rates: Mapping[str, float]) -> None:
    """Merge the rollout's raw observations into the normalisers of encoders that train.

    After the update, so that within it old and new policy see the same normalised observations.
    """
    obs = torch.from_numpy(rollout.observations.reshape(-1, rollout.observations.shape[-1]))
    for part, encoder in (("encoder", policy.encoder), ("value_encoder", policy.value_encoder)):
        if f"{part}.normalizer" in rates:
            encoder.update_statistics(obs)


def _summary(records: list[Losses], last_epoch: int) -> tuple[dict[str, float], float]:
    """Return means over all minibatches, of the KL the last epoch's and of the loss the last (as SB3); its mean."""
    names = [name for name, value in records[0]._asdict().items() if value is not None]
    rows = torch.stack([torch.stack([getattr(losses, name) for name in names]) for losses in records]).cpu().double()
    means = dict(zip(names, rows.mean(dim=0).tolist(), strict=True))
    summary = {"loss": float(rows[-1, 0]), "value_loss": means["value"]}
    if "policy" in means:
        summary |= {"policy_gradient_loss": means["policy"], "entropy_loss": means["entropy"]}
        last_kl = rows[last_epoch:, names.index("approx_kl")].mean()
        summary |= {"clip_fraction": means["clip_fraction"], "approx_kl": float(last_kl)}
    if "kl_source" in means:
        summary["penalty_kl_source"] = means["kl_source"]
    return summary, means["total"]


def _penalty_means(held: list[dict[str, torch.Tensor]]) -> dict[str, float]:
    """Return the means over all minibatches of the penalties on weights."""
    kinds = held[0]
    return {f"penalty_{kind}": float(torch.stack([values[kind] for values in held]).mean()) for kind in kinds}
