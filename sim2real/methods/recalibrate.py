"""recalibrate: nothing trains but the normaliser's statistics, on what the source policy sees of the target.

Idea: if the target differs in the offset or the scale of what is observed, the network can stay as it is once its
input is normalised by what it sees now (adaptive batch normalisation, Li et al. 2016, arXiv 1603.04779). No reward is
needed. The source's millions of observations would outweigh all of the target's; so they count as many as a tenth of
the target's budget, and in the end the statistics are the target's to nine tenths.
Helps when a sensor has drifted. Hurts when it is the behaviour that has changed: a policy that falls sees the states
before a fall, calls them normal, and acts worse; and statistics that moved are not the ones the network was trained on.
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
