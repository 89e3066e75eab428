"""One PPO update: the loss of a minibatch, and a lean loop over epochs and minibatches that never waits for a number.

Source of the loss: Schulman et al. 2017, arXiv 1707.06347, equations 7 and 9, as stable-baselines3 computes it:
advantages are normalised a minibatch, values are not clipped. Losses stay tensors until the end; the gradients of all
trained parameters are pieces of one vector, so that clipping them (Pascanu et al. 2013, arXiv 1211.5063) is two
operations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple, Protocol

import torch

from ..learning.optimizer import trained_parameters
from ..learning.returns import Rollout
from ..networks.backprop import gather_gradients
from ..plan.regularisers import PenaltyTerms
from ..plan.regularisers.kl_source import KlTerm
from .adaptive_rate import AdaptiveRate
from .collection import Batch, Columns, make_table
from .policy import AgentPolicy
from .settings import PPOSettings

__all__ = ["AutogradGradients", "Losses", "UpdateLog", "compute_loss", "normalize_advantages", "run_update"]

MakeGradients = Callable[[AgentPolicy, Columns, PPOSettings, int, KlTerm | None], "Gradients"]


class UpdateLog(NamedTuple):
    """What an update did: stable-baselines3's log keys without `train/`, the epochs it ran, and its loss."""

    values: dict[str, float]
    epochs: int
    mean_loss: float = 0.0  # over all minibatches: not finite if the loss of any was not


class Losses(NamedTuple):
    """Of one minibatch, each a tensor (); those of the policy are None where only the value trains."""

    total: torch.Tensor
    value: torch.Tensor
    policy: torch.Tensor | None = None
    entropy: torch.Tensor | None = None  # minus the entropy, as stable-baselines3 logs it
    clip_fraction: torch.Tensor | None = None
    approx_kl: torch.Tensor | None = None  # http://joschu.net/blog/kl-approx.html
    kl_source: torch.Tensor | None = None  # the penalty of that name, where one acts


def normalize_advantages(advantages: torch.Tensor) -> torch.Tensor:
    """Return advantages (N,) with mean 0 and standard deviation 1; a single one stays as it is."""
    if len(advantages) < 2:
        return advantages
    std, mean = torch.std_mean(advantages)
    return (advantages - mean) / (std + 1e-8)


def compute_loss(
    policy: AgentPolicy, batch: Batch, columns: Columns, settings: PPOSettings, kl: KlTerm | None = None
) -> Losses:
    """Return the losses of one minibatch, differentiable through `total`."""
    features = batch.policy_inputs
    if not columns.policy_cached and (columns.shared or not columns.value_only):
        features = policy.encoder.encode(features)
    value_features = features if columns.shared else batch.value_inputs
    if not columns.shared and not columns.value_cached:
        value_features = policy.value_encoder.encode(value_features)
    error = policy.value_of(value_features) - batch.returns
    value_loss = torch.dot(error, error) / len(error)
    if columns.value_only:
        return Losses(settings.vf_coef * value_loss, value_loss)
    mean = policy.action_mean(features)
    z = (batch.actions - mean) * torch.exp(-policy.log_std)
    log_ratio = policy.log_density(z) - batch.log_probs
    ratio = torch.exp(log_ratio)
    advantages = normalize_advantages(batch.advantages)
    clipped = torch.clamp(ratio, 1.0 - settings.clip_range, 1.0 + settings.clip_range)
    policy_loss = -torch.minimum(advantages * ratio, advantages * clipped).mean()
    entropy_loss = -policy.entropy()
    total = policy_loss + settings.ent_coef * entropy_loss + settings.vf_coef * value_loss
    if settings.bounds_coef:
        total = total + settings.bounds_coef * policy.beyond_bounds(mean).square().sum(-1).mean()
    divergence = None if kl is None else kl.loss(batch.source, mean, policy.log_std)
    if divergence is not None:
        total = total + divergence
    with torch.no_grad():
        approx_kl = (ratio - 1.0 - log_ratio).mean()
        clip_fraction = (ratio != clipped).float().mean()
    return Losses(total, value_loss, policy_loss, entropy_loss, clip_fraction, approx_kl, divergence)


class Gradients(Protocol):
    """Computes the losses of minibatches and leaves their gradients in `.grad` of everything that trains.

    Attributes:
        accumulates: whether it adds to `.grad`, which must be zero before; else it overwrites what the loss reaches.
    """

    accumulates: ClassVar[bool]

    def __call__(self, batch: Batch) -> Losses:
        """Return the losses, detached."""
        ...


class AutogradGradients:
    """Gradients of `compute_loss` by autograd: for any layers, and what faster ways are tested against."""

    accumulates: ClassVar[bool] = True

    def __init__(
        self, policy: AgentPolicy, columns: Columns, settings: PPOSettings, max_rows: int, kl: KlTerm | None = None
    ) -> None:
        """Prepare for minibatches with these `columns`; their size, at most `max_rows`, makes no difference."""
        self._arguments = policy, columns, settings, kl

    def __call__(self, batch: Batch) -> Losses:
        """Return the losses of one minibatch and add its gradients to `.grad`."""
        policy, columns, settings, kl = self._arguments
        losses = compute_loss(policy, batch, columns, settings, kl)
        losses.total.backward()  # type: ignore[no-untyped-call]
        return Losses(*(None if value is None else value.detach() for value in losses))  # type: ignore[arg-type]


def run_update(
    policy: AgentPolicy,
    rollout: Rollout,
    settings: PPOSettings,
    optimizer: torch.optim.Optimizer,
    rates: Mapping[str, float],
    penalties: PenaltyTerms,
    make_gradients: MakeGradients = AutogradGradients,
    adaptive: AdaptiveRate | None = None,
) -> UpdateLog:
    """Train on a rollout for `settings.num_epochs` epochs, or until `target_kl` stops it.

    `rates` are the units that train. Without any of `policy_head`, `log_std` and `adapters` among them only the value
    loss is computed; without any parameter (statistics alone) there is nothing to descend. `penalties` are part of the
    loss: gradients are clipped with theirs among them. `make_gradients` is AutogradGradients, or a faster way.
    `adaptive` sets the learning rate before every step that moves the policy.
    """
    trained = trained_parameters(optimizer)
    if not sum(parameter.numel() for parameter in trained):
        _update_statistics(policy, rollout, rates)
        return UpdateLog({}, 0)
    value_only = not {"policy_head", "log_std", "adapters"} & {unit.split(".")[0] for unit in rates}
    kl = None if value_only else penalties.policy
    table, columns = make_table(policy, rollout, settings.cache_features, value_only, kl)
    gradients = make_gradients(policy, columns, settings, min(settings.batch_size, len(table)), kl)
    vector = gather_gradients(trained)
    limit = float("inf") if settings.target_kl is None else 1.5 * settings.target_kl
    records: list[Losses] = []
    penalty_values: list[dict[str, torch.Tensor]] = []
    last_epoch = epochs = 0
    stopped = False
    while epochs < settings.num_epochs and not stopped:
        last_epoch = len(records)
        for rows in rollout.minibatches(table, settings.batch_size):
            if gradients.accumulates or penalties.weights:  # otherwise what the loss does not reach is never written
                vector.zero_()
            losses = gradients(columns.batch(rows))
            values = penalties.add_gradients()
            records.append(losses._replace(total=losses.total + sum(values.values())) if values else losses)
            penalty_values.append(values)
            stopped = settings.target_kl is not None and losses.approx_kl is not None and bool(losses.approx_kl > limit)
            if stopped:
                break
            # as torch.nn.utils.clip_grad_norm_: scale by max_norm / (norm + 1e-6) where that is below 1
            norm = torch.linalg.vector_norm(vector)
            vector.mul_((settings.max_grad_norm / (norm + 1e-6)).clamp_(max=1.0))
            if adaptive is not None and losses.approx_kl is not None:
                adaptive.follow(float(losses.approx_kl), optimizer)
            optimizer.step()
        epochs += 1
    _update_statistics(policy, rollout, rates)
    summary, mean_loss = _summary(records, last_epoch)
    return UpdateLog(summary | _penalty_means(penalty_values), epochs, mean_loss)


def _update_statistics(policy: AgentPolicy, rollout: Rollout, rates: Mapping[str, float]) -> None:
    """Merge the rollout's raw observations into the normalisers of encoders that train.

    After the update, so that within it old and new policy see the same normalised observations.
    """
    obs = torch.from_numpy(rollout.observations.reshape(-1, rollout.observations.shape[-1]))
    for part, encoder in (("encoder", policy.encoder), ("value_encoder", policy.value_encoder)):
        if any(unit.startswith(f"{part}.") and unit.endswith(".normalizer") for unit in rates):
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


def _penalty_means(found: list[dict[str, torch.Tensor]]) -> dict[str, float]:
    """Return the means over all minibatches of the penalties on weights."""
    kinds = found[0]
    return {f"penalty_{kind}": float(torch.stack([values[kind] for values in found]).mean()) for kind in kinds}
