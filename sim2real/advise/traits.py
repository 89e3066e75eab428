"""Traits: what a transfer method does to a policy, read from its plan, so that rules need not know methods by name."""

from __future__ import annotations

from agents import TransferPlan, parts

__all__ = ["TRAITS", "compute_traits"]

TRAITS: dict[str, str] = {
    "trains": "some weights move",
    "encoder": "weights of the encoder move",
    "statistics": "the normaliser's statistics follow the target",
    "fresh": "the policy head begins anew: what the source policy can do is given up",
    "warm_up": "the policy stands still at first, while the critic learns or experience is gathered",
    "near": "what moves is held near the source: a penalty, or small additions to what stays frozen",
}


def compute_traits(plan: TransferPlan, policy: parts.Parted) -> frozenset[str]:
    """Return which of TRAITS hold for a plan on such a policy."""
    units = parts.unit_names(policy)
    own = {unit: unit.split(".")[0] for unit in units}

    def trains(part: str, phases: slice = slice(None)) -> bool:
        return any(
            phase.rate(unit) is not None and plan.action(unit) != "freeze"
            for phase in plan.phases[phases]
            for unit in units
            if own[unit] == part and parts.parameters(policy, (unit,))
        )

    adds = plan.surgery is not None
    moves = {part for part in dict.fromkeys(own.values()) if trains(part)}
    found = {
        "trains": bool(moves) or (adds and bool(plan.phases)),
        "encoder": "encoder" in moves,
        "statistics": bool(plan.phases) and plan.action("encoder.normalizer") != "freeze",
        "fresh": plan.action("policy_head") == "reset",
        "warm_up": len(plan.phases) > 1 and not trains("policy_head", slice(1)) and not trains("encoder", slice(1)),
        "near": adds or any(phase.regularisers for phase in plan.phases),
    }
    return frozenset(name for name, holds in found.items() if holds)
