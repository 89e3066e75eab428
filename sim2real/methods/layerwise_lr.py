"""layerwise_lr: everything is carried over and everything trains, lower layers more slowly.

Idea: lower layers have what is common to source and target, upper ones what is particular. So the learning rate falls
by a constant factor per layer from the action towards the input (discriminative fine-tuning, ULMFiT, Howard and Ruder
2018, arXiv 1801.06146, whose factor 2.6 this is). The value head has to learn other returns and trains at the full
rate; the critic is warmed up before the policy moves.
Helps when the target differs in what to do more than in what is observed. Hurts when a sensor has changed: the layers
that would have to learn it are the slowest. The rates do not affect how fast the statistics of observations follow.
"""

from __future__ import annotations

import agents

from .layers import encoder_from_the_top, stack_layers
from .method import Method, Target
from .warm_up import critic_warm_up

__all__ = ["METHOD"]

FACTOR = 2.6  # between the rates of a layer and of the one below


def _plan(source: agents.Bundle | None, target: Target) -> agents.TransferPlan:
    assert source is not None  # needs_source
    hidden = stack_layers(source, "policy_head.hidden")[::-1]
    downwards = [("policy_head",), *hidden, *encoder_from_the_top(source)]
    rates = {unit: FACTOR**-depth for depth, layer in enumerate(downwards) for unit in layer}
    return agents.TransferPlan(
        dict.fromkeys(("encoder", "policy_head", "value_head", "log_std"), "keep"),
        (critic_warm_up(target), agents.Phase("layerwise", {**rates, "value_head": 1.0, "log_std": 1.0})),
    )


METHOD = Method("everything trains, each layer 2.6 times more slowly than the one above", plan=_plan)
