"""low_rank: the source's weights stay as they are; low-rank corrections of its linear layers train.

Idea: the difference between two similar tasks lies in few directions of every layer. So few parameters carry it, and
the rest cannot be unlearnt (Hu et al. 2021, LoRA, arXiv 2106.09685).
Helps when features must change a little at all depths, on a budget that would not train all weights. Hurts when the
target needs features the source never had. On networks as small as these it saves parameters, not time: the frozen
layers run anyway, and features of an encoder that is being corrected cannot be kept. With SAC, whose encoder the
critics share, the policy head alone is corrected.
"""

from __future__ import annotations

import agents

from .adapting import adapting_plan
from .method import Method

__all__ = ["METHOD"]

METHOD = Method(
    "weights frozen, low-rank corrections of encoder (PPO) and policy head train, after a critic warm-up",
    plan=lambda source, target: adapting_plan(agents.Surgery("low_rank"), target),
)
