"""Which layers a source's networks have, read from the names of its tensors."""

from __future__ import annotations

import re

import agents

__all__ = ["encoder_from_the_top", "stack_layers"]


def stack_layers(source: agents.Bundle, stack: str) -> list[tuple[str, ...]]:
    """Return the layers of a stack (`policy_head.hidden`) from the input on, each as the units it consists of.

    A LayerNorm goes with the linear layer before it: its weight is a vector, and moves what that layer says.
    """
    named = re.compile(rf"({re.escape(stack)}\.(\d+))\.weight")
    found = [match for name in source.weights if (match := named.fullmatch(name))]
    layers: list[tuple[str, ...]] = []
    for match in sorted(found, key=lambda match: int(match[2])):
        if layers and source.weights[match[0]].ndim == 1:
            layers[-1] += (match[1],)
        else:
            layers.append((match[1],))
    return layers


def encoder_from_the_top(source: agents.Bundle) -> list[tuple[str, ...]]:
    """Return the encoder's layers from the features down to the observations, as patterns of a plan.

    The last one is always `encoder`: whatever no pattern before it names, the statistics of observations among it, and
    what lies below the layers, a memory for example. An encoder whose layers are unknown is that one alone.
    """
    layers = stack_layers(source, "encoder.layers")[::-1]
    plain = ("encoder.layers.", "encoder.normalizer.")
    below = any(name.startswith("encoder.") and not name.startswith(plain) for name in source.weights)
    return [*(layers if below else layers[:-1]), ("encoder",)]
