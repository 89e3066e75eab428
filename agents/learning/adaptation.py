"""Adaptation: the student of an rma encoder learns from its teacher, in worlds of the source, without any reward.

Source: Kumar et al. 2021, arXiv 2107.04034, section III-B: the policy acts on what the student finds, as it will where
nobody shows it `privileged`, and the student is regressed on what the teacher makes of that in these very worlds. So
it is corrected where it goes itself, not where the teacher would have gone (DAgger, Ross et al. 2011, arXiv 1011.0686).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from ..errors import DivergedError, FrozenError, PlanError
from ..networks.encoders import RmaEncoder
from ..plan.adaptation import Adaptation
from ..policy import parts
from ..policy.actor import choose_action
from ..rollouts.groups import POLICY, PRIVILEGED, GroupSpace
from ..rollouts.rollout import Action, rollout
from ..rollouts.vec_adapter import VectorAdapter
from .finite import all_finite

__all__ = ["AdaptationLog", "adapt"]

_STUDENTS = ("encoder.adaptation", "encoder_target.adaptation")  # what an adaptation moves


class AdaptationLog(NamedTuple):
    """What came of it: mean squared errors of the student's extrinsics, each before it learned from those samples."""

    steps: int  # taken in the source's worlds
    first: float  # of the first round
    last: float  # of the last round
    variance: float  # of the teacher's extrinsics in the last round: the error of who always says their mean


def adapt(policy: Any, worlds: VecEnv | None, adaptation: Adaptation, seed: int) -> AdaptationLog:
    """Regress the student of the policy's rma encoder on its teacher in `worlds` of the source that show `privileged`.

    The worlds are reset first, and count their steps; the policy acts by its mean, as it does when it is evaluated.
    Everything but the student stands still, which is proven; from then on the student speaks. `seed` decides the
    minibatches.

    Raises:
        PlanError: when the encoder is another one, its teacher has learned nothing, there are no such worlds, or their
            spaces are not the policy's.
        FrozenError: when something else has moved.
        DivergedError: when the student's errors or weights are not finite.
    """
    if not isinstance(worlds, VectorAdapter):
        raise PlanError("an adaptation takes place in worlds of the source: apply_plan(..., source_env=vector_env)")
    encoder = _encoder_of(policy)
    _require_same_spaces(policy, worlds)
    held = _held(policy)
    before = parts.digests(policy, held)
    students = [unit for unit in parts.unit_names(policy) if unit not in held]
    policy.set_training_mode(False)
    parts.freeze_all_but(policy, students)
    encoder.adaptation.adapted.fill_(1.0)
    log = _learn(policy, encoder, worlds, adaptation, torch.Generator().manual_seed(seed))
    if "encoder_target" in parts.part_names(policy):
        policy.encoder_target.adaptation.load_state_dict(encoder.adaptation.state_dict())
    now = parts.digests(policy, held)
    if moved := [unit for unit in held if now[unit] != before[unit]]:
        raise FrozenError(f"in the adaptation, {', '.join(moved)} moved although only the student learns")
    return log


def _encoder_of(policy: Any) -> RmaEncoder:
    """Return the policy's encoder if it has a teacher that knows something, else raise PlanError."""
    encoder = policy.encoder
    if not isinstance(encoder, RmaEncoder):
        raise PlanError(f"an adaptation needs an encoder of kind 'rma', not {type(encoder).__name__}")
    if not encoder.extrinsics.normalizer.seen:
        raise PlanError(f"the teacher was never shown {PRIVILEGED!r}: there is nothing to learn from it")
    return encoder


def _require_same_spaces(policy: Any, worlds: VecEnv) -> None:
    """Raise PlanError unless `worlds` show what the policy reads and take what it gives."""
    shown: Any = worlds.observation_space
    if not isinstance(shown, GroupSpace) or PRIVILEGED not in shown.groups:
        raise PlanError(f"adaptation needs worlds of the source that show the group {PRIVILEGED!r}")
    own: Any = policy.observation_space
    here = own.groups[POLICY].shape, policy.action_space.shape
    there = shown.groups[POLICY].shape, worlds.action_space.shape
    if here != there:
        raise PlanError(
            f"adaptation: worlds of the source show {there[0]} and take {there[1]}, the policy reads {here[0]} and "
            f"gives {here[1]}: between spaces that differ the student cannot learn"
        )


def _held(policy: Any) -> list[str]:
    """Return the units that an adaptation must not move."""
    return [
        unit
        for unit in parts.unit_names(policy)
        if not any(unit == student or unit.startswith(f"{student}.") for student in _STUDENTS)
    ]


def _learn(
    policy: Any, encoder: RmaEncoder, worlds: VectorAdapter, adaptation: Adaptation, generator: torch.Generator
) -> AdaptationLog:
    """Collect and regress in turns until all steps are taken."""
    total = -(-adaptation.steps // worlds.num_envs)  # steps of all worlds
    parameters = list(encoder.adaptation.parameters())
    optimizer = torch.optim.Adam(parameters, lr=adaptation.learning_rate)
    obs, taken, errors, variance = worlds.reset(), 0, [], 0.0
    while taken < total:
        num_steps = min(adaptation.num_steps, total - taken)
        optimizer.param_groups[0]["lr"] = adaptation.learning_rate * (1.0 - taken / total)
        obs, slots, taught = _collect(policy, encoder, worlds, obs, num_steps)
        with torch.no_grad():
            errors.append(float(nn.functional.mse_loss(encoder.adaptation(slots), taught)))
        variance = float(taught.var(dim=0, correction=0).mean())
        _regress(encoder, optimizer, slots, taught, adaptation, generator)
        taken += num_steps
    if not all(map(math.isfinite, errors)) or not all_finite(parameters):
        raise DivergedError(f"the adaptation diverged: mean squared errors by round {errors[:3]} .. {errors[-1]}")
    return AdaptationLog(taken * worlds.num_envs, errors[0], errors[-1], variance)


@torch.no_grad()
def _collect(
    policy: Any, encoder: RmaEncoder, worlds: VectorAdapter, obs: np.ndarray[Any, Any], num_steps: int
) -> tuple[np.ndarray[Any, Any], torch.Tensor, torch.Tensor]:
    """Act for `num_steps`; return the next observations, the slots that were seen and the extrinsics to be learned.

    Slots are (N, length, slot_dim), extrinsics (N, width); N is `num_steps` times the number of worlds.
    """

    def act(obs: NDArray[np.float32]) -> Action:
        actions = choose_action(policy, obs)
        return Action(actions, actions)

    seen = []
    for step in rollout(worlds, obs, act, num_steps):
        seen.append(step.obs)
        obs = step.transition.obs
    windows, entries = encoder.split(encoder.normalize(torch.from_numpy(np.concatenate(seen)).to(policy.device)))
    return obs, encoder.slots(windows), encoder.extrinsics(entries)


def _regress(
    encoder: RmaEncoder,
    optimizer: torch.optim.Optimizer,
    slots: torch.Tensor,
    taught: torch.Tensor,
    adaptation: Adaptation,
    generator: torch.Generator,
) -> None:
    """Descend the mean squared error of the student on slots (N, length, slot_dim) and extrinsics (N, width)."""
    encoder.adaptation.train()  # cuDNN has no gradients of a recurrent cell in evaluation mode
    with torch.enable_grad():
        for _ in range(adaptation.num_epochs):
            order = torch.randperm(len(slots), generator=generator).to(slots.device)
            for rows in torch.split(order, adaptation.batch_size):
                optimizer.zero_grad()
                loss = nn.functional.mse_loss(encoder.adaptation(slots[rows]), taught[rows])
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
    encoder.adaptation.eval()
