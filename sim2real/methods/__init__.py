"""METHODS: the ways to carry a policy over, each (almost) only a plan."""

from . import feature_extraction, fine_tune, frozen_encoder, scratch, zero_shot
from .method import Method, Target

__all__ = ["DEFAULT_METHOD", "METHODS", "Method", "Target"]

METHODS: dict[str, Method] = {
    "zero_shot": zero_shot.METHOD,
    "scratch": scratch.METHOD,
    "feature_extraction": feature_extraction.METHOD,
    "frozen_encoder": frozen_encoder.METHOD,
    "fine_tune": fine_tune.METHOD,
}
DEFAULT_METHOD = "frozen_encoder"
