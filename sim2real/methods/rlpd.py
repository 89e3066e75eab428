"""rlpd: SAC learns from batches half of which are transitions of the source, with ten critics, LayerNorm in them.

Idea: data of the source beats its weights: kept in every batch, half and half, it goes on teaching the critics
what the target's few transitions do not say, while LayerNorm bounds what they make of actions never tried and a random
pair out of ten keeps their targets low (RLPD, Ball et al. 2023, arXiv 2302.02948). As many transitions are taken by the
source policy in its own worlds, before the first on the target, as the target's budget allows there.
The paper learns from scratch. Here encoder, policy and temperature are the source's, which costs nothing and gives a
first useful return; the critics are fresh, since ten cannot be made of the source's two, and learn alone until a
tenth of the budget is spent, before they move the policy. As everywhere there is no update before `learning_starts`
transitions of the target are there: the fewer, the more of that tenth is learnt in. Updates a step, twenty in the
paper, are as many as configured.
Helps when source and target pay and move alike in most states. Hurts when they do not: half of what is learnt is then
wrong on the target, and nothing says which half; ten critics cost up to three times the time of two.
"""

from __future__ import annotations

import agents

from .method import Method, Target
from .wsrl import whole_steps

__all__ = ["METHOD"]

SOURCE_SHARE = 0.5  # of every batch
SETTINGS = {"num_critics": 10, "num_subset": 2, "critic_layer_norm": True}


def _plan(source: agents.Bundle | None, target: Target) -> agents.TransferPlan:
    everything = dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), 1.0)
    return agents.TransferPlan(
        {**dict.fromkeys(everything, "keep"), "value_head": "reset"},
        (
            agents.Phase("critics", {"value_head": 1.0}, budget=whole_steps(target, target.steps)),
            agents.Phase("all", everything),
        ),
        source_data=agents.SourceData(target.steps, SOURCE_SHARE),
    )


METHOD = Method(
    "SAC: half of every batch from the source, ten fresh critics with LayerNorm, policy carried over",
    plan=_plan,
    needs_source_worlds=True,
    algorithms=("sac",),
    settings=SETTINGS,
)
