"""ewc: everything trains; weights that matter to the source's policy stay near the source's values.

Idea: as l2_sp, but every weight is pulled in proportion to how much the source policy's actions depend on it, by the
diagonal of its Fisher information on states of the source (elastic weight consolidation, Kirkpatrick et al. 2017, arXiv
1612.00796). What the source task does not need is free to move. Measuring it takes some steps of the source's worlds;
they are counted apart.
Helps when source skill must be retained, or when most weights are idle. Hurts when the target contradicts the source:
the weights that must move are then the most strongly pulled ones; and the diagonal describes poorly how weights work
together.
"""

from __future__ import annotations

import agents

from .method import Method
from .staying_near import staying_near_plan

__all__ = ["METHOD"]

WEIGHT = 0.1
SOURCE_STEPS = 2048

METHOD = Method(
    "everything trains, weights that matter to the source's policy stay near its values",
    plan=lambda source, target: staying_near_plan(agents.Regulariser("ewc", WEIGHT, {"steps": SOURCE_STEPS}), target),
    needs_source_worlds=True,
)
