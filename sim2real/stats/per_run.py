"""Every quantity that one run has by itself."""

from __future__ import annotations

import math

import numpy as np

from . import metrics
from .curves import REFERENCE
from .frame import Arm, Frame
from .metrics import FloatArray

__all__ = ["compute_per_run"]


def compute_per_run(frame: Frame, arm: Arm, reference: Arm | None) -> dict[str, FloatArray]:
    """Return quantity -> value of every run, (num_runs,) each, NaN where a run has none; times are inf if not reached.

    A quantity that no run of this target can have (no scratch, no span, no oracle) is absent.
    """
    steps, returns = arm.curves.steps, arm.curves.returns
    runs = {
        "initial_return": returns[:, 0],
        "area_under_curve": metrics.area_under_curve(steps, returns),
        "asymptotic_return": metrics.asymptotic_return(steps, returns),
        # scratch carries nothing over that it could lose
        "dip_depth": metrics.dip_depth(returns, math.inf if arm.method == REFERENCE else frame.head_start),
    }
    before, after = (
        np.array([getattr(r, name) if getattr(r, name) is not None else math.nan for r in arm.records])
        for name in ("source_return_before", "source_return_after")
    )
    runs["retention"] = metrics.retention(before, after)
    if reference is not None and arm.method != REFERENCE:
        runs["jumpstart"] = metrics.jumpstart(returns, reference.curves.returns)
    if math.isfinite(frame.threshold):
        runs["time_to_threshold"] = metrics.time_to_threshold(steps, returns, frame.threshold)
    if math.isfinite(frame.oracle_level):
        runs["steps_to_oracle"] = metrics.time_to_threshold(steps, returns, frame.oracle_level)
        share = metrics.share_of_span(runs["asymptotic_return"], frame.floor, frame.oracle_return)
        runs["share_of_oracle"] = share
    return runs
