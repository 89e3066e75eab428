"""progressive: the source network is a frozen column; a new column beside it reads it at every depth, and trains.

Idea: nothing of the source is lost. The new column may use any of its features and learn others (Rusu et al. 2016,
Progressive Neural Networks, arXiv 1606.04671; from simulation to a robot: arXiv 1610.04286).
Helps when the target needs features the source never had, but also those it has. Hurts when the budget is small: the
column starts with random features. Only for mlp encoders, and for PPO.
"""

from __future__ import annotations

import agents

from .adapting import adapting_plan
from .method import Method

__all__ = ["METHOD"]

METHOD = Method(
    "source column frozen, a new column with lateral adapters trains, after a critic warm-up",
    plan=lambda source, target: adapting_plan(agents.Surgery("progressive"), target),
    algorithms=("ppo",),  # SAC's critics read the encoder's features, which the column would have to add to
)
