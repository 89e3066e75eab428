"""recalibrate: nothing trains but the normaliser's statistics, on the source policy's observations of the target.

Idea: if the target differs in the offset or scale of observations, the network can stay as it is once its input is
normalised by the target's statistics (adaptive batch normalisation, Li et al. 2016, arXiv 1603.04779). No reward is
needed. The source's millions of observations would outweigh all of the target's, so they count as a tenth of the
target's budget: at the end nine tenths of the statistics are the target's.
Helps when a sensor has drifted. Hurts when the behaviour has changed: a policy that falls takes the states before a
fall for normal, and acts worse; and the network was trained with other statistics.
"""

from __future__ import annotations

import agents

from .method import Method, Target

__all__ = ["METHOD"]

SHARE_OF_BUDGET = 0.1


def _weight(source: agents.Bundle | None, target: Target) -> float:
    """Return what an observation of the source counts, so that all of them count as a share of the budget."""
    seen = float(source.weights["encoder.normalizer.count"].max()) if source is not None else 0.0
    return min(1.0, SHARE_OF_BUDGET * target.steps / seen) if seen else 1.0


METHOD = Method(
    "nothing trains but the normaliser's statistics",
    plan=lambda source, target: agents.TransferPlan(
        {
            "encoder": "freeze",
            "encoder.normalizer": "keep",
            "policy_head": "freeze",
            "value_head": "freeze",
            "log_std": "freeze",
        },
        (agents.Phase("statistics", {"encoder.normalizer": 1.0}),),
        statistics_weight=_weight(source, target),
    ),
)
