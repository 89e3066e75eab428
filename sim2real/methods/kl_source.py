"""kl_source: everything trains; the divergence from the source's policy is a loss that sinks to nothing.

Idea: behaviour should be kept, not weights. So the learner is pulled towards what the source's policy would do in the
states of the target, less and less (kickstarting, Schmitt et al. 2018, arXiv 1803.03835, where the teacher's weight is
annealed too). With a `space_map` the source's policy is what is carried over, with fresh entries for actions that only
the target has.
Helps when the source policy is good on the target and its first updates endanger it. Hurts when the source policy is
wrong there: for half of the run the learner is pulled back to it.
"""

from __future__ import annotations

import agents

from .method import Method
from .staying_near import staying_near_plan

__all__ = ["METHOD"]

WEIGHT, SHARE = 1.0, 0.5

METHOD = Method(
    "everything trains, near the source's policy at first",
    plan=lambda source, target: staying_near_plan(agents.Regulariser("kl_source", WEIGHT, {"share": SHARE}), target),
)
