"""residual: the source policy stays as it is; a small head that is added to its action trains.

Idea: a policy that is nearly right needs a correction, and a correction that begins at zero keeps what works (Silver et
al. 2018, arXiv 1812.06298; Johannink et al. 2018, arXiv 1812.03201). The critic is warmed up before the correction
moves, as a value head that has never seen the target would push it astray (arXiv 2602.23804).
Helps when the source policy fails on the target by little, or in the same way everywhere: a bias, a gain, a delay.
Hurts when the right behaviour is another one: the head has to undo the source first, from features made for the source.
"""

from __future__ import annotations

import agents

from .adapting import adapting_plan
from .method import Method

__all__ = ["METHOD"]

METHOD = Method(
    "source policy frozen, a small head added to its action trains, after a critic warm-up",
    plan=lambda source, target: adapting_plan(agents.Surgery("residual"), target),
)
