"""darc: SAC trains in the source's worlds, whose rewards are corrected by how unlikely the target makes every step.

Idea: what pays in the source but cannot happen on the target should not be learnt. Two classifiers distinguish source
from target, one by (s, a, s'), one by (s, a). Their difference is how much likelier the target makes the step, and is
added to its reward (Eysenbach et al. 2020, arXiv 2006.13916). As in the paper's algorithm 1 the agent learns from
source transitions alone, ten of them for every step of the target; target transitions only train the classifiers, and
the target's reward is never used. Updates are as many as other methods have, a tenth of the paper's. The agent begins
as the source's, and waits for the first tenth of the budget, 5,000 steps at most, while the classifiers learn.
Helps when the source allows what the target does not (a stronger motor, a joint that is stuck), and source steps are
cheap. Hurts when the target allows what the source does not, as it is never tried there; when rewards differ, as
nothing looks at them; and when dynamics differ everywhere, so that every step is equally unlikely.
"""

from __future__ import annotations

import agents

from .method import Method, Target
from .wsrl import whole_steps

__all__ = ["METHOD"]

PER_TARGET_STEP = 10  # source steps


def _plan(source: agents.Bundle | None, target: Target) -> agents.TransferPlan:
    """As many source steps before the first on the target as are taken there while only the classifiers learn."""
    everything, first = dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), 1.0), whole_steps(target)
    return agents.TransferPlan(
        dict.fromkeys(everything, "keep"),
        (agents.Phase("classifiers", {}, budget=first), agents.Phase("corrected", everything)),
        source_data=agents.SourceData(first, share=1.0, per_target_step=PER_TARGET_STEP, corrected=True),
    )


METHOD = Method(
    "SAC: trains on source transitions whose rewards are corrected by what the target makes unlikely",
    plan=_plan,
    needs_source_worlds=True,
    algorithms=("sac",),
)
