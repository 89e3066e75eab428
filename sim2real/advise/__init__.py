"""Advice before a transfer: some target steps of the source policy say what differs and what to try first."""

from .advice import Advice, advise
from .rules import RULES
from .signals import SIGNALS
from .table import advice_tables
from .traits import TRAITS
from .worth import Worth, correlate, worth_of_advice

__all__ = [
    "RULES",
    "SIGNALS",
    "TRAITS",
    "Advice",
    "Worth",
    "advice_tables",
    "advise",
    "correlate",
    "worth_of_advice",
]
