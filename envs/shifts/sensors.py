"""Shifts between the state and the observation."""

from .shift import Shift

__all__ = ["NOISY"]

NOISY = Shift(
    "noisy sensors; severity: standard deviation of white noise on every observation entry, in its unit",
    severity=0.05,
    parameters=lambda s: {"observation_noise": {"set": s}},
)
