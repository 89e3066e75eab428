"""Penalties: the regularisers of a plan at work, each made when the phase that wants it first updates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from stable_baselines3.common.vec_env import VecEnv

from ...errors import PlanError
from .kl_source import KlPenalty, KlTerm
from .origin import Origin
from .regulariser import Regulariser
from .table import REGULARISERS
from .weight_penalty import WeightPenalty, WeightTerm

__all__ = ["ActivePenalties", "Penalties", "PenaltyTerms"]


class PenaltyTerms(NamedTuple):
    """What is added to the loss of an update: terms of weights, and one of the policy's distribution over actions."""

    weights: tuple[WeightTerm, ...] = ()
    policy: KlTerm | None = None

    def add_gradients(self) -> dict[str, torch.Tensor]:
        """Add the gradients of the terms of weights to `.grad` of what they concern; return their values () by kind."""
        return {term.kind: term.add_gradient() for term in self.weights}


class ActivePenalties(NamedTuple):
    """What acts in a phase: on weights, whatever learns them, and on the policy's distribution over actions."""

    weights: tuple[WeightPenalty, ...] = ()
    policy: KlPenalty | None = None

    def bind(self, parameters: Sequence[torch.Tensor], done: float) -> PenaltyTerms:
        """Return the terms that concern any of `parameters` now, for an update after the share `done` of the run."""
        weights = [penalty.bind(parameters) for penalty in self.weights]
        policy = None if self.policy is None else self.policy.at(done)
        return PenaltyTerms(tuple(term for term in weights if term is not None), policy)


class Penalties:
    """Makes a phase's penalties and keeps what they measured on the source."""

    def __init__(self, origin: Origin | None = None) -> None:
        """Begin with the plan's source; None for a plan without one."""
        self._origin = origin
        self._phase: str | None = None  # whose penalties are made
        self._active = ActivePenalties()

    @staticmethod
    def check(
        regularisers: Iterable[Regulariser],
        tensors: Mapping[str, torch.Tensor] | None,
        worlds: VecEnv | None,
        env: VecEnv,
    ) -> None:
        """Raise PlanError if a regulariser needs the source's tensors, or worlds like `env`, and there are none."""
        for regulariser in regularisers:
            name = f"regulariser {regulariser.kind!r}"
            if tensors is None:
                raise PlanError(f"{name} regularises towards a source: it needs the source's tensors")
            if not REGULARISERS[regulariser.kind].needs_worlds:
                continue
            if worlds is None:
                raise PlanError(
                    f"{name} measures the source in its worlds: hand them over as apply_plan(..., source_env=worlds)"
                )
            here, there = ((e.observation_space.shape, e.action_space.shape) for e in (env, worlds))
            if here != there:
                raise PlanError(
                    f"{name}: worlds of the source show {there[0]} and take {there[1]}, the policy reads {here[0]} and "
                    f"gives {here[1]}: between spaces that differ the source cannot be measured"
                )

    def of(
        self, phase: str, regularisers: tuple[Regulariser, ...], trained: Mapping[str, torch.Tensor]
    ) -> ActivePenalties:
        """Return the penalties of the phase called `phase`.

        `trained` are the live parameters that are carried over and train in it, by checkpoint names. Raises PlanError
        if there is no source.
        """
        if not regularisers:
            return ActivePenalties()
        if phase != self._phase:
            if self._origin is None:
                raise PlanError(f"phase {phase!r} regularises towards a source: it needs the source's tensors")
            made = [REGULARISERS[row.kind].make(row, self._origin, trained) for row in regularisers]
            policy = [penalty for penalty in made if isinstance(penalty, KlPenalty)]
            weights = tuple(penalty for penalty in made if isinstance(penalty, WeightPenalty))
            self._phase, self._active = phase, ActivePenalties(weights, policy[0] if policy else None)
        return self._active

    def get_state(self) -> dict[str, torch.Tensor]:
        """Return what was measured on the source."""
        return {} if self._origin is None else dict(self._origin.measured)

    def set_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on with what `get_state` returned; penalties are made anew."""
        self._phase, self._active = None, ActivePenalties()
        if self._origin is not None:
            self._origin.measured.clear()
            self._origin.measured.update({name: tensor.clone() for name, tensor in state.items()})
