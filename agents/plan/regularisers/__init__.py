"""Regularisers: what keeps training near the source; REGULARISERS is the table of them."""

from __future__ import annotations

from .origin import GaussianPolicy, Origin
from .penalties import ActivePenalties, Penalties, PenaltyTerms
from .regulariser import Regulariser
from .table import REGULARISERS, RegulariserRow, check_regularisers

__all__ = [
    "REGULARISERS",
    "ActivePenalties",
    "GaussianPolicy",
    "Origin",
    "Penalties",
    "PenaltyTerms",
    "Regulariser",
    "RegulariserRow",
    "check_regularisers",
]
