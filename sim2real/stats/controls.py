"""Controls: the methods that a default method's bars are held against, and in what they differ from it."""

from __future__ import annotations

__all__ = ["ACTOR_ONLY", "NO_WARM_UP", "difference"]

NO_WARM_UP = "fine_tune"
"""The control whose dip shows what happens with no warm-up, nothing frozen, and the policy at the full rate."""
ACTOR_ONLY = "actor_only"
"""The control that carries the policy over and leaves the critic behind: a fresh one, and no warm-up."""

_REFERENCE = "frozen_encoder"
_DIFFERENCES = {
    NO_WARM_UP: f"{NO_WARM_UP} differs from {_REFERENCE} in three things, no warm-up, nothing frozen and the policy "
    "head's full rate: its dip is not the missing warm-up's alone",
    ACTOR_ONLY: f"{ACTOR_ONLY} differs from {_REFERENCE} in two things, a fresh critic and no warm-up: the ratio is "
    "not the warm-up's alone",
}


def difference(control: str, method: str) -> str:
    """Return in how many things `control` differs from `method`, so that nobody takes it for one."""
    besides = "" if method == _REFERENCE else f"; {method} differs from {_REFERENCE} besides"
    return _DIFFERENCES[control] + besides
