"""fine_tune: everything is carried over and everything trains.

Idea: the source's weights are a better start than random ones, whatever the target then makes of them (Yosinski et al.
2014, arXiv 1411.1792). It is the control for all methods that freeze, wait or regularise.
Helps when the target differs enough that features must change, and the budget allows it. Hurts when the budget is
small: an unadapted critic and moving features can undo the source policy before they improve it (Kumar et al. 2022,
arXiv 2202.10054).
"""

from __future__ import annotations

import agents

from .method import Method

__all__ = ["METHOD"]

_ALL = dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), 1.0)

METHOD = Method(
    "everything carried over, everything trains",
    plan=lambda source, target: agents.TransferPlan(dict.fromkeys(_ALL, "keep"), (agents.Phase("fine_tune", _ALL),)),
)
