"""averaged_policy, the default of SAC: as frozen_encoder, but the average of the policies along the way acts.

Idea: off-policy learners wander. Between two evaluations of one run a policy may lose most of its return and find it
again, on the source as well as on the target. The average of their weights, which begins at the source's policy,
wanders less (Polyak and Juditsky 1992, SIAM J. Control Optim. 30; Nikishin et al. 2018, Improving Stability in Deep
Reinforcement Learning with Weight Averaging). So does a model half-way between the source's and the fine-tuned one
(WiSE-FT, Wortsman et al. 2021, arXiv 2109.01903). The last policy goes on collecting; the average is evaluated, and is
what the run leaves.
Helps when single policies cannot be trusted and one of them must run on the robot. Hurts where there is a long way to
go: the average lags behind by half of the budget. While it collects, the robot falls as often as with frozen_encoder.
"""

from __future__ import annotations

from dataclasses import replace

import agents

from .frozen_encoder import METHOD as FROZEN_ENCODER
from .method import Method, Target

__all__ = ["METHOD"]

SHARE = 0.5  # of the budget: how far the average lags behind
"""Out of some 0.03, 0.13 and 0.5, on hopper's own source worlds and on `slippery`, seeds 0 to 3."""


def _plan(source: agents.Bundle | None, target: Target) -> agents.TransferPlan:
    return replace(FROZEN_ENCODER.plan(source, target), average=agents.PolicyAverage(max(1, int(SHARE * target.steps))))


METHOD = Method(
    "SAC: as frozen_encoder, but the average of the policies along the way acts",
    plan=_plan,
    algorithms=("sac",),
)
