"""rlpd: SAC learns from batches half of which are transitions of the source, with ten critics, LayerNorm in them.

Idea: data of the source says more than its weights. As half of every batch it keeps informing the critics where the
target's few transitions do not. LayerNorm bounds their values for actions never tried, and a random pair out of ten
keeps their targets low (RLPD, Ball et al. 2023, arXiv 2302.02948). Before the first step on the target, the source
policy takes as many transitions in its own worlds as the target's budget allows there.
The paper learns from scratch. Here encoder, policy and temperature are the source's, which costs nothing and gives a
good first return. The critics are fresh, since ten cannot be made of the source's two; they learn alone until a tenth
of the budget is spent, before they move the policy. As everywhere there is no update before `learning_starts`
transitions of the target: the fewer, the more of that tenth is used for learning. The paper makes twenty updates a
step; here they are as many as configured.
Helps when rewards and motion are alike in most states of source and target. Hurts when they are not: half of what is
learnt is then wrong on the target, and nothing says which half. Ten critics cost up to three times the time of two.
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
