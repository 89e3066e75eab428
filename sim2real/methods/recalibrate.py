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


_COUNT = ".normalizer.count"  # how many observations a normaliser has seen; each group's encoder has one


def _counts(source: agents.Bundle | None) -> dict[str, float]:
    """Return the encoders' normalisers and how many observations of an entry each has seen at most."""
    weights = {} if source is None else source.weights
    return {
        name.removesuffix(".count"): float(count.max())
        for name, count in weights.items()
        if name.startswith("encoder.") and name.endswith(_COUNT)
    }


def _plan(source: agents.Bundle | None, target: Target) -> agents.TransferPlan:
    counts = _counts(source) or {"encoder.normalizer": 0.0}
    seen = max(counts.values())  # all of them shall count as a share of the budget
    return agents.TransferPlan(
        {
            "encoder": "freeze",
            **dict.fromkeys(counts, "keep"),
            "policy_head": "freeze",
            "value_head": "freeze",
            "log_std": "freeze",
        },
        (agents.Phase("statistics", dict.fromkeys(counts, 1.0)),),
        statistics_weight=min(1.0, SHARE_OF_BUDGET * target.steps / seen) if seen else 1.0,
    )


METHOD = Method("nothing trains but the normaliser's statistics", plan=_plan)
