"""scratch: a fresh agent trained on the target alone, at the same budget. Transfer that loses to it has hurt."""

from __future__ import annotations

from agents import pretrain_plan

from .method import Method

__all__ = ["METHOD"]

METHOD = Method("a fresh agent, target steps only", plan=lambda source, target: pretrain_plan(), needs_source=False)
