"""rma: a teacher reads the world's parameters, a student learns to infer them from the history; no target step is
spent on training.

Idea: the source agent's encoder turns the parameters of its simulated world into a few numbers, the extrinsics, and its
policy depends on those. A second network is then trained to compute the same numbers from the last observations and
actions alone, in the simulator, where the truth is known. On the target it takes the teacher's place and infers within
a few steps what world this is: no reward is needed there, and no weight moves (rapid motor adaptation, Kumar et al.
2021, arXiv 2107.04034).
Helps when the target is a world that the source domain could have drawn, and its parameters show in its motion. Hurts
when it is not: the student answers all the same; and when the source is hardly randomised, as nothing distinguishes its
worlds. It needs a source agent of its own, and a policy with a memory costs more to run.
"""

from __future__ import annotations

import agents

from .method import Method, Target

__all__ = ["METHOD"]


def _plan(source: agents.Bundle | None, target: Target) -> agents.TransferPlan:
    """As many steps of the source as other methods may take on the target; none there."""
    frozen = dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), "freeze")
    return agents.TransferPlan({**frozen, "encoder.adaptation": "reset"}, adaptation=agents.Adaptation(target.steps))


METHOD = Method(
    "a student infers from the history what a teacher reads of its world; nothing trains on the target",
    plan=_plan,
    needs_source_worlds=True,
    needs_teacher=True,
)
