"""Origin: the source as penalties see it: its tensors, its policy, the states that policy visits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from ...errors import PlanError
from ...policy import parts
from ...policy.parts import Parted
from ...rollouts.rollout import Action, rollout

__all__ = ["ACTING_PARTS", "GaussianPolicy", "Origin"]

ACTING_PARTS = ("encoder", "policy_head", "log_std", "adapters")  # that actions depend on


class GaussianPolicy(Parted, Protocol):
    """A policy whose actions are drawn from a diagonal Gaussian."""

    @property
    def action_space(self) -> Any:
        """The space of actions, a Box of one axis."""
        ...

    @property
    def squash_output(self) -> bool:
        """Whether actions are the tanh of what is drawn, scaled to the space; else they are clipped to it."""
        ...

    def gaussian(self, obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return means and logs of standard deviations, each (N, A), for raw observations (N, obs_dim)."""
        ...

    def unscale_action(self, scaled_action: NDArray[Any]) -> NDArray[Any]:
        """Return actions of [-1, 1] in units of the action space."""
        ...


@dataclass(frozen=True)
class Origin:
    """Where a plan started from.

    Attributes:
        tensors: the source's, by checkpoint names.
        make_policy: returns a fresh policy of the learner that these tensors fit.
        worlds: of the source domain, None where the plan needs none.
        seed: of what is random in measuring; the learner's own generator is never drawn from.
        measured: what penalties found out about the source. It is part of the training state, so that a run that is
            continued neither takes source steps again nor finds another number.
    """

    tensors: Mapping[str, torch.Tensor]
    make_policy: Callable[[], Any]
    worlds: VecEnv | None
    seed: int
    measured: dict[str, torch.Tensor] = field(default_factory=dict)

    def policy(self) -> GaussianPolicy:
        """Return how the source acts, its statistics included, in evaluation mode; PartsError if it does not fit.

        Its critic is left out: the target's may be built differently.
        """
        policy: Any = self.make_policy()
        acting = [part for part in parts.part_names(policy) if part in ACTING_PARTS]
        parts.load(policy, {name: t for name, t in self.tensors.items() if name.split(".")[0] in acting}, acting)
        policy.eval()
        return policy  # type: ignore[no-any-return]

    @torch.no_grad()
    def collect_states(self, policy: GaussianPolicy, steps: int, device: torch.device) -> torch.Tensor:
        """Return raw observations (N, obs_dim) that `policy` sees in the source's worlds, acting as in training.

        N is `steps`, rounded up to whole steps of all worlds. The worlds are reset first, and count these steps.
        Raises PlanError if there are no such worlds.
        """
        if self.worlds is None:
            raise PlanError("worlds of the source are needed: hand them over as apply_plan(..., source_env=worlds)")
        num_steps, space = -(-steps // self.worlds.num_envs), policy.action_space
        generator = torch.Generator().manual_seed(self.seed)
        noise = torch.randn((num_steps, self.worlds.num_envs, *space.shape), generator=generator).to(device)
        seen: list[torch.Tensor] = []

        def act(obs: NDArray[np.float32]) -> Action:
            row = noise[len(seen)]
            seen.append(torch.from_numpy(obs).to(device))
            mean, log_std = policy.gaussian(seen[-1])
            drawn = (mean + torch.exp(log_std) * row).cpu().numpy()
            if policy.squash_output:
                return Action(policy.unscale_action(np.tanh(drawn)), drawn)
            return Action(np.clip(drawn, space.low, space.high), drawn)

        for _ in rollout(self.worlds, np.asarray(self.worlds.reset()), act, num_steps):
            pass
        return torch.cat(seen)
