"""gradual_unfreeze: heads first, then the encoder from the top, layer by layer, at a tenth of the rate.

Idea: heads that do not fit the target yet send down gradients that distort good features. Trained first, they ask less
of the features. The layers nearest to them follow before those below, as they know most of the source's task and least
of its sensors (LP-FT, Kumar et al. 2022, arXiv 2202.10054; layer by layer: ULMFiT, Howard and Ruder 2018, arXiv
1801.06146). The critic is warmed up before all of it.
Helps when the target needs other features in the end, and the budget is large enough to get there. Hurts when it is
small: the lower layers, where a changed sensor would have to be learnt, train last and for the shortest time.
"""

from __future__ import annotations

import agents

from .layers import encoder_from_the_top
from .method import Method, Target
from .warm_up import critic_warm_up, longest_warm_up

__all__ = ["METHOD"]

HEADS = {"policy_head": 1.0, "value_head": 1.0, "log_std": 1.0}
ENCODER_RATE = 0.1  # of the heads' learning rate


def _plan(source: agents.Bundle | None, target: Target) -> agents.TransferPlan:
    assert source is not None  # needs_source
    stages: list[dict[str, float]] = [{}]  # what of the encoder trains, one stage after the other
    for layer in encoder_from_the_top(source):
        stages.append(stages[-1] | dict.fromkeys(layer, ENCODER_RATE))
    # the longest warm-up aside, all stages are equally long; the last one gets whatever is left
    whole_steps = (target.steps - longest_warm_up(target)) // (len(stages) * target.num_envs)
    budget = max(1, whole_steps) * target.num_envs
    names = ["heads", *(f"unfreeze_{depth}" for depth in range(1, len(stages)))]
    phases = [
        agents.Phase(name, HEADS | stage, None if stage is stages[-1] else budget)
        for name, stage in zip(names, stages, strict=True)
    ]
    return agents.TransferPlan(dict.fromkeys(("encoder", *HEADS), "keep"), (critic_warm_up(target), *phases))


METHOD = Method("heads first, then the encoder from the top, layer by layer, at a tenth of the rate", plan=_plan)
