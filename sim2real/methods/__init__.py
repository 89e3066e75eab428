"""METHODS: the ways to carry a policy over, each (almost) only a plan."""

from . import (
    actor_only,
    averaged_policy,
    darc,
    ewc,
    feature_extraction,
    fine_tune,
    frozen_encoder,
    gradual_unfreeze,
    kl_source,
    l2_sp,
    layerwise_lr,
    low_rank,
    oracle,
    progressive,
    recalibrate,
    residual,
    rlpd,
    rma,
    scratch,
    wsrl,
    zero_shot,
)
from .method import Method, Target

__all__ = ["DEFAULT_METHODS", "METHODS", "Method", "Target"]

METHODS: dict[str, Method] = {
    "zero_shot": zero_shot.METHOD,
    "scratch": scratch.METHOD,
    "oracle": oracle.METHOD,
    "recalibrate": recalibrate.METHOD,
    "feature_extraction": feature_extraction.METHOD,
    "frozen_encoder": frozen_encoder.METHOD,
    "averaged_policy": averaged_policy.METHOD,
    "fine_tune": fine_tune.METHOD,
    "actor_only": actor_only.METHOD,
    "gradual_unfreeze": gradual_unfreeze.METHOD,
    "layerwise_lr": layerwise_lr.METHOD,
    "l2_sp": l2_sp.METHOD,
    "kl_source": kl_source.METHOD,
    "ewc": ewc.METHOD,
    "residual": residual.METHOD,
    "progressive": progressive.METHOD,
    "low_rank": low_rank.METHOD,
    "rma": rma.METHOD,
    "wsrl": wsrl.METHOD,
    "rlpd": rlpd.METHOD,
    "darc": darc.METHOD,
}
DEFAULT_METHODS: dict[str, str] = {"ppo": "frozen_encoder", "sac": "averaged_policy"}
"""algorithm -> the method that `transfer` takes where none is named."""
